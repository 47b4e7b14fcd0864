"""What destinations call the facts of a request: a module a vocabulary."""
