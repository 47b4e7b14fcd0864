"""The providers that have a file of their own, by name: a worker loads only those that its deployments name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "openai": "openai",
        "text-completion-openai": "openai",
        "azure": "azure",
        "azure_text": "azure",
        "azure_ai": "azure",
        "mock": "mock",
        "anthropic": "anthropic",
        "gemini": "gemini",
        "vertex_ai": "vertex_ai",
        "vertex_ai_beta": "vertex_ai",
        "bedrock": "bedrock",
        "bedrock_converse": "bedrock",
        "cohere_chat": "cohere",
        "ollama": "ollama",
        "ollama_chat": "ollama",
        "sap": "sap",
        "sagemaker": "sagemaker",
        "sagemaker_chat": "sagemaker",
        "sagemaker_nova": "sagemaker",
        "oci": "oci",
        "aws_polly": "polly",
        "replicate": "replicate",
    }
)
"""In `tianji.providers.own`; each has `build`."""
