"""Conversations that guardrails watch: in which form what is said waits until it was judged."""
