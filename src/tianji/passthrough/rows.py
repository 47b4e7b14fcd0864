"""The providers whose own APIs are passed through: where they are, and how their keys go.

Sources are the API references of the providers; names of variables are those that LiteLLM's proxy reads.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from tianji.errors import Header
from tianji.passthrough.services import SERVICES

Guide = Literal[
    "plain", "openai", "vertex", "discovery", "bedrock", "service", "speech", "assemblyai", "tinyfish", "login"
]
"""How a path finds its place: `plain` below the provider's address; the others have functions of their own."""


class Row(Struct, frozen=True, kw_only=True):
    """One provider.

    prefixes: of the gateway's paths; provider: whose prices hold, and whose deployments lend credentials
    base: the address, "" where a variable has to give it; bases, keys: variables, the first that is set counts
    key: the header that holds a key, and what stands before it there; `Basic` marks a pair of keys, or one without
    a password
    needs_key: without one a client has to bring his own
    takes: headers of clients that go on, None for all that say nothing of their sender
    dialect: the module that says errors; adds: headers of requests to some paths, where the client sends none
    key_in_query: names of a query that may hold a key; also: further providers whose deployments are as good
    """

    prefixes: tuple[str, ...]
    provider: str
    base: str = ""
    bases: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    key: tuple[str, str] = ("authorization", "Bearer ")
    needs_key: bool = True
    takes: frozenset[bytes] | None = None
    dialect: str | None = None
    guide: Guide = "plain"
    key_in_query: tuple[bytes, ...] = ()
    adds: Mapping[str, Header] = {}
    also: tuple[str, ...] = ()
    group_first: bool = False  # the first part of a path may name a model group


_GOOGLE_TAKES: Final = frozenset(
    {b"accept", b"anthropic-beta", b"content-type", b"user-agent", b"x-goog-api-client", b"x-goog-user-project"}
)
_SPEECH_TAKES: Final = frozenset({b"accept", b"content-type"})
_SERVICE_TAKES: Final = frozenset({b"accept", b"user-agent"})
_ASSISTANTS: Final = (b"openai-beta", b"assistants=v2")
_CLOUD: Final[tuple[tuple[tuple[str, ...], Guide], ...]] = (
    (("/vertex_ai", "/vertex-ai"), "vertex"),
    (("/vertex_ai/discovery", "/vertex-ai/discovery"), "discovery"),
)
_MESSAGES: Final = "tianji.dialects.messages"
_GEMINI: Final = "tianji.dialects.gemini"

ROWS: Final[tuple[Row, ...]] = (
    Row(
        prefixes=("/openai", "/openai_passthrough"),
        provider="openai",
        base="https://api.openai.com",
        bases=("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        keys=("OPENAI_API_KEY",),
        guide="openai",
        adds={"/v1/assistants": _ASSISTANTS, "/v1/threads": _ASSISTANTS},
    ),
    Row(
        prefixes=("/anthropic",),
        provider="anthropic",
        base="https://api.anthropic.com",
        bases=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
        keys=("ANTHROPIC_API_KEY",),
        key=("x-api-key", ""),
        dialect=_MESSAGES,
    ),
    Row(
        prefixes=("/gemini",),
        provider="gemini",
        base="https://generativelanguage.googleapis.com",
        bases=("GEMINI_API_BASE",),
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        key=("x-goog-api-key", ""),
        dialect=_GEMINI,
        key_in_query=(b"key",),
    ),
    *(
        Row(
            prefixes=prefixes,
            provider="vertex_ai",
            also=("vertex_ai_beta",),
            bases=("VERTEXAI_API_BASE", "VERTEX_API_BASE"),
            takes=_GOOGLE_TAKES,
            dialect=_GEMINI,
            guide=guide,
            key_in_query=(b"key",),
        )
        for prefixes, guide in _CLOUD
    ),
    Row(
        prefixes=("/bedrock",),
        provider="bedrock",
        also=("bedrock_converse",),
        bases=("AWS_BEDROCK_RUNTIME_ENDPOINT",),
        guide="bedrock",
    ),
    *(
        Row(
            prefixes=(f"/{service}",),
            provider=service,
            bases=(f"AWS_ENDPOINT_URL_{service.upper()}",),
            takes=_SERVICE_TAKES,
            guide="service",
        )
        for service in SERVICES
    ),
    Row(
        prefixes=("/azure",),
        provider="azure",
        bases=("AZURE_API_BASE",),
        keys=("AZURE_API_KEY",),
        key=("api-key", ""),
    ),
    Row(
        prefixes=("/azure_ai",),
        provider="azure_ai",
        bases=("AZURE_AI_API_BASE", "AZURE_API_BASE"),
        keys=("AZURE_AI_API_KEY", "AZURE_API_KEY"),
        key=("api-key", ""),
    ),
    Row(
        prefixes=("/azure_speech",),
        provider="azure_speech",
        bases=("AZURE_SPEECH_API_BASE",),
        keys=("AZURE_SPEECH_API_KEY",),
        key=("ocp-apim-subscription-key", ""),
        takes=_SPEECH_TAKES,
        guide="speech",
    ),
    Row(
        prefixes=("/cohere",),
        provider="cohere_chat",
        also=("cohere",),
        base="https://api.cohere.com",
        bases=("COHERE_API_BASE",),
        keys=("COHERE_API_KEY", "CO_API_KEY"),
    ),
    Row(
        prefixes=("/mistral",),
        provider="mistral",
        base="https://api.mistral.ai",
        bases=("MISTRAL_API_BASE",),
        keys=("MISTRAL_API_KEY",),
    ),
    Row(
        prefixes=("/openrouter",),
        provider="openrouter",
        base="https://openrouter.ai/api/v1",
        bases=("OPENROUTER_API_BASE",),
        keys=("OPENROUTER_API_KEY",),
    ),
    Row(
        prefixes=("/vllm",),
        provider="hosted_vllm",
        also=("vllm",),
        bases=("VLLM_API_BASE", "HOSTED_VLLM_API_BASE"),
        keys=("VLLM_API_KEY", "HOSTED_VLLM_API_KEY"),
        needs_key=False,
    ),
    Row(
        prefixes=("/nvidia_nim",),
        provider="nvidia_nim",
        base="https://integrate.api.nvidia.com/v1",
        bases=("NVIDIA_NIM_API_BASE",),
        keys=("NVIDIA_NIM_API_KEY",),
        group_first=True,
    ),
    *(
        Row(
            prefixes=(prefix,),
            provider="assemblyai",
            base=base,
            bases=variables,
            keys=("ASSEMBLYAI_API_KEY",),
            key=("authorization", ""),
            guide="assemblyai",
        )
        for prefix, base, variables in (
            ("/assemblyai", "https://api.assemblyai.com", ("ASSEMBLYAI_API_BASE",)),
            ("/eu.assemblyai", "https://api.eu.assemblyai.com", ("ASSEMBLYAI_EU_API_BASE",)),
        )
    ),
    Row(
        prefixes=("/deepgram",),
        provider="deepgram",
        base="https://api.deepgram.com",
        bases=("DEEPGRAM_API_BASE",),
        keys=("DEEPGRAM_API_KEY",),
        key=("authorization", "Token "),
    ),
    Row(
        prefixes=("/elevenlabs",),
        provider="elevenlabs",
        base="https://api.elevenlabs.io",
        bases=("ELEVENLABS_API_BASE",),
        keys=("ELEVENLABS_API_KEY",),
        key=("xi-api-key", ""),
    ),
    Row(
        prefixes=("/fal_ai",),
        provider="fal_ai",
        base="https://queue.fal.run",
        bases=("FAL_AI_QUEUE_API_BASE",),
        keys=("FAL_AI_API_KEY", "FAL_KEY"),
        key=("authorization", "Key "),
    ),
    Row(
        prefixes=("/langfuse",),
        provider="langfuse",
        base="https://cloud.langfuse.com",
        bases=("LANGFUSE_HOST",),
        keys=("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"),
        key=("authorization", "Basic pair"),
    ),
    Row(
        prefixes=("/cursor",),
        provider="cursor",
        base="https://api.cursor.com",
        bases=("CURSOR_API_BASE",),
        keys=("CURSOR_API_KEY",),
        key=("authorization", "Basic name"),
    ),
    Row(
        prefixes=("/gigachat",),
        provider="gigachat",
        base="https://gigachat.devices.sberbank.ru/api/v1",
        bases=("GIGACHAT_API_BASE",),
        keys=("GIGACHAT_CREDENTIALS", "GIGACHAT_API_KEY"),
        guide="login",
    ),
    Row(
        prefixes=("/watsonx",),
        provider="watsonx",
        base="https://us-south.ml.cloud.ibm.com",
        bases=("WATSONX_API_BASE", "WATSONX_URL", "WX_URL", "WML_URL"),
        keys=("WATSONX_APIKEY", "WATSONX_API_KEY", "WX_API_KEY"),
        guide="login",
    ),
    Row(
        prefixes=("/typesafe",),
        provider="typesafe",
        base="https://api.typesafe.ai",
        bases=("TYPESAFE_API_BASE",),
        keys=("TYPESAFE_API_KEY",),
    ),
    *(
        Row(  # models that decide, on machines of one's own
            prefixes=(f"/{name}",),
            provider=name,
            bases=(f"{name.upper()}_API_BASE",),
            keys=(f"{name.upper()}_API_KEY",),
            needs_key=False,
        )
        for name in ("laya", "bespoke")
    ),
    Row(
        prefixes=("/tinyfish",),
        provider="tinyfish",
        base="https://agent.tinyfish.ai",
        bases=("TINYFISH_AGENT_API_BASE",),
        keys=("TINYFISH_API_KEY",),
        key=("x-api-key", ""),
        guide="tinyfish",
    ),
    Row(
        prefixes=("/milvus",),
        provider="milvus",
        bases=("MILVUS_API_BASE",),
        keys=("MILVUS_API_KEY",),
    ),
)
