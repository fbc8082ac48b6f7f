"""What the commands share: options, running, words, JSON, exit statuses."""
