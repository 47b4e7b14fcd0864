"""What is made and asked for again: files, batches, threads, videos, tasks, kept as long as the mock runs."""
