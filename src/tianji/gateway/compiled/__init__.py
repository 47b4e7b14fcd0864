"""The configuration, compiled: what requests read, made anew with each one and swapped."""
