"""Answers that were given before: what is kept, for whom, how long and where."""
