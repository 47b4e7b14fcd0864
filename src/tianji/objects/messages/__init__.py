"""Anthropic's Message Batches: their requests, what becomes of them, and what their results come to."""
