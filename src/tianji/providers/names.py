"""Which provider serves a model name: `provider/model`, a known address, or a family of bare names."""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from tianji.alike import alike
from tianji.errors import ConfigurationError
from tianji.providers import table
from tianji.providers.address import same_place
from tianji.providers.modules import MODULES
from tianji.providers.own import openai

_OPENAI_STYLE_ON_AZURE = frozenset(
    {
        "command-r",
        "command-r-plus",
        "command-light",
        "command-nightly",
        "command-a-03-2025",
        "mistral-large",
        "mistral-large-latest",
        "mistral-medium",
        "mistral-medium-latest",
        "mistral-small",
        "mistral-small-latest",
        "mistral-tiny",
    }
)
# Names that come without a provider. The first pattern that matches the beginning of the name decides.
_FAMILIES = tuple(
    (re.compile(pattern), provider)
    for pattern, provider in (
        (r"chatgpt|(ft:)?gpt|(ft:)?o[134](-|$|:)|ft:(davinci|babbage)", "openai"),
        (r"text-embedding-(3|ada)|(omni|text)-moderation|tts-|whisper-|dall-e|davinci-002|babbage-002", "openai"),
        (r"computer-use-preview|codex-mini|sora-", "openai"),
        (r"(?:(us|eu|apac|jp|au|global)\.)?(anthropic|amazon|meta|cohere|mistral|ai21|deepseek)\.", "bedrock"),
        (r"claude-(2|instant)", "anthropic_text"),
        (r"claude", "anthropic"),
        (r"gemini|text-bison|chat-bison|code-bison|textembedding-gecko", "vertex_ai"),
        (r"command|c4ai-aya|embed-(english|multilingual|v4)", "cohere_chat"),
        (r"j2-|jamba", "ai21_chat"),
        (r".*:[0-9a-f]{64}$", "replicate"),
    )
)


@cache
def known() -> frozenset[str]:
    """Name every provider that a prefix may stand for, served or not."""
    return frozenset({*MODULES, *table.rows(), *table.unserved()})


def parse(
    model: str, *, provider: str | None = None, api_base: str | None = None, proxy: bool = False
) -> tuple[str, str]:
    """Return (provider, upstream model) of a deployment's `model`.

    `provider` is custom_llm_provider, `proxy` use_litellm_proxy. Raises ConfigurationError when nothing fits.
    """
    if proxy:
        return "litellm_proxy", model.removeprefix("litellm_proxy/")
    head, _, rest = model.partition("/")
    if head == "azure" and rest in _OPENAI_STYLE_ON_AZURE:
        return "openai", rest
    if provider is None and rest:
        if head == "cohere" and rest.startswith("command"):
            return "cohere_chat", rest
        if head == "anthropic" and rest.startswith(("claude-2", "claude-instant")):
            return "anthropic_text", rest
    if provider is not None:
        if provider not in known():
            raise ConfigurationError(f"custom_llm_provider {provider!r} is not known{_meant(provider, known())}")
        head, rest = provider, model.removeprefix(provider + "/")
    if rest and head in known():
        # OpenRouter's own ids of one segment carry its name: openrouter/auto
        native = head == "openrouter" and "/" not in rest and rest != "*"
        return head, f"openrouter/{rest}" if native else rest
    found = (_by_address(api_base) if api_base else None) or infer(model)
    if found is None:
        raise ConfigurationError(
            f"no provider for model {model!r}: write it as provider/model, or set custom_llm_provider"
            f"{_meant(head, known())}"
        )
    return found, model


def infer(model: str) -> str | None:
    """Return the provider of a bare name that belongs to a known family; `*` is OpenAI's."""
    if model == "*":
        return "openai"
    return next((provider for pattern, provider in _FAMILIES if pattern.match(model)), None)


@cache
def _addresses() -> Mapping[str, str]:
    """Known https addresses, longest path first, to their provider; the first row of an address has it."""
    found: dict[str, str] = {openai.BASE: "openai"}
    for row in table.rows().values():
        if row.base and row.base.startswith("https://") and "{" not in row.base:
            found.setdefault(row.base, row.name)
    return {base: found[base] for base in sorted(found, key=len, reverse=True)}


def _by_address(api_base: str) -> str | None:
    return next((provider for base, provider in _addresses().items() if same_place(api_base, base)), None)


def _meant(name: str, names: Iterable[str]) -> str:
    close = alike(name, names)
    return f" (did you mean {', '.join(close)}?)" if close else ""
