"""Whether a request is let in, and on what terms: its caller, whom it names, and what it may ask of the gateway."""
