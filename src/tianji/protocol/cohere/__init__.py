"""Cohere's form of a chat, version 2 (https://docs.cohere.com/reference/chat)."""
