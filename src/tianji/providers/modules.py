"""The providers that have a file of their own; each has `NAMES` and `build`."""

from tianji.providers.own import (
    anthropic,
    azure,
    bedrock,
    cohere,
    gemini,
    mock,
    oci,
    ollama,
    openai,
    polly,
    replicate,
    sagemaker,
    sap,
    vertex_ai,
)

MODULES = (
    openai,
    azure,
    mock,
    anthropic,
    gemini,
    vertex_ai,
    bedrock,
    cohere,
    ollama,
    sap,
    sagemaker,
    oci,
    polly,
    replicate,
)
