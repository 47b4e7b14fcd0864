"""Prompts that are kept apart from requests: where they come from, and how requests take them with variables."""
