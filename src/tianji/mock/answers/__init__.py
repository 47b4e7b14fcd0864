"""What has its whole answer at once: a module for each form of model calls, whole and streamed."""
