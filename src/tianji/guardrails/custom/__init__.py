"""Guardrails that are code of the operator's own: each runs in processes of its own, with little memory and time."""
