"""A parent process and its workers: what both edges do alike, and what the native one does without Granian."""
