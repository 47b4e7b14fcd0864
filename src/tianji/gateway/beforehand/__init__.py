"""What becomes of a request before it is routed: it is changed, asked in turns, of several models, or for a copy."""
