"""That what is installed is what is meant."""
