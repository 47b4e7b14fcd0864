"""What the workers of a machine share, and the process's own memory."""
