"""Reading, checking and making configurations: files in, messages and loaded keys out; nothing listens here."""
