"""Guardrails: what looks at requests and answers, and lets them pass, changes them or refuses them."""
