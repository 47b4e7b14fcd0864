"""Stand-ins for what is not ours: scripted upstreams on loopback."""
