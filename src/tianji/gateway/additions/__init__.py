"""What the database adds to the configuration: which of it may stand there, how it is heard of, and compiled."""
