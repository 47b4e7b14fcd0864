"""Hooks of the operator's own around requests: who is asked, when, and what of a request or its answer goes on."""
