"""What upstreams keep for callers, files and batches and their kin: where it lies, and that nobody else gets at it."""
