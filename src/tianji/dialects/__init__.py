"""What clients speak, decoded and encoded; one module a dialect, no sockets."""
