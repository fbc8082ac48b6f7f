"""That the documentation is true: its commands run, and its tables have what the code has."""
