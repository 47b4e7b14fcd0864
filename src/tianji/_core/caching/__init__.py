"""Answers that were given before, and how they are found again."""
