"""Tianji: one OpenAI-compatible address in front of every model provider."""

__version__ = "0.1.0"
__all__ = ["__version__"]
