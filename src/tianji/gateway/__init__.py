"""The one request path: compiles the configuration to what the hot path reads, and does by hand what is rare."""
