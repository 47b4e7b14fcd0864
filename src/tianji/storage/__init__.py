"""What is kept beyond one machine: scripts and clients of Valkey, or Redis, which speaks the same."""
