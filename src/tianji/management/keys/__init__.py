"""Virtual keys: made, read, changed, given another secret."""
