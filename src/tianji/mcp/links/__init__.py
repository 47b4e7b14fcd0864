"""Ways to a server: over HTTP, over a stream of events, and to a program on this machine."""
