"""Code of the operator's own, written for LiteLLM's proxy: where it is, what it imports, how it is called."""

from tianji.hooks.logger import CustomBatchLogger, CustomLogger

__all__ = ["CustomBatchLogger", "CustomLogger"]
