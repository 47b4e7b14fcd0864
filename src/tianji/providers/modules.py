"""The providers that have a file of their own; each has `NAMES` and `build`."""

from tianji.providers import anthropic, azure, mock, openai

MODULES = (openai, azure, mock, anthropic)
