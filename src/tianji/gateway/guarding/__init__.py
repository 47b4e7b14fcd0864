"""Guardrails around requests: who is asked, when, and what of a request or its answer goes on afterwards."""

from tianji.gateway.guarding.loading import Guarding, judged

__all__ = ["Guarding", "judged"]
