"""The page and its verification in JavaScript: with node, and in a headless Chromium."""
