"""Parameters of the hub become Google's generationConfig.

https://ai.google.dev/api/generate-content#v1beta.GenerationConfig; thinking:
https://ai.google.dev/gemini-api/docs/thinking
"""

from collections.abc import Mapping
from typing import Any

from tianji.protocol.chat.effort import BUDGETS, Thinking, thinking_of
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import refuse, without_none
from tianji.protocol.gemini import schemas
from tianji.protocol.gemini.media import LEVELS, resolution_of
from tianji.protocol.gemini.models import generation, on_vertex

Json = dict[str, Any]

# Members that have no name in OpenAI's form and go where Google has them, in either spelling.
EXTRAS: Mapping[str, str] = {
    "response_mime_type": "responseMimeType",
    "response_schema": "responseSchema",
    "response_json_schema": "responseJsonSchema",
    "response_modalities": "responseModalities",
    "speech_config": "speechConfig",
    "media_resolution": "mediaResolution",
    "image_config": "imageConfig",
    "thinking_config": "thinkingConfig",
    "audio_timestamp": "audioTimestamp",
    "enable_enhanced_civic_answers": "enableEnhancedCivicAnswers",
    "routing_config": "routingConfig",
    "model_selection_config": "modelSelectionConfig",
}
_LEVELS: Mapping[str, str] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_FIRST_MINIMUM = {"flash-lite": 512}  # tokens; other models think with 128 or more


def generation_config(request: Request, target: Target) -> Json:
    """Return the generationConfig. Raises UnsupportedParams for a value that Google does not take."""
    config = without_none(
        {
            "temperature": request.temperature,
            "topP": request.top_p,
            "topK": request.top_k,
            "seed": request.seed,
            "candidateCount": request.n,
            "maxOutputTokens": _first(request.max_completion_tokens, request.max_tokens),
            "stopSequences": [request.stop] if isinstance(request.stop, str) else request.stop or None,
            "responseLogprobs": request.logprobs or None,
            "logprobs": request.top_logprobs if request.logprobs else None,
            "responseModalities": [word.upper() for word in request.modalities] if request.modalities else None,
        }
    )
    _write_penalties(config, request, target)
    _write_format(config, request, target)
    _write_speech(config, request, target)
    thinking = _thinking_config(thinking_of(request), target)
    if thinking:
        config["thinkingConfig"] = thinking
    _write_resolution(config, request, target)
    for name, value in (request.extra or {}).items():
        if name in EXTRAS or name in EXTRAS.values():
            config[EXTRAS.get(name, name)] = value
    return config


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _write_penalties(config: Json, request: Request, target: Target) -> None:
    for name, value in (
        ("frequencyPenalty", request.frequency_penalty),
        ("presencePenalty", request.presence_penalty),
    ):
        if not value:
            continue
        if (generation(target.model) or 0) >= 3:
            refuse(target, "frequency_penalty" if name[0] == "f" else "presence_penalty", "Gemini 3 has no penalties")
        else:
            config[name] = value


def _write_format(config: Json, request: Request, target: Target) -> None:
    form = request.response_format
    if form is None or form.get("type") == "text":
        return
    kind = form.get("type")
    schema = form.get("response_schema")  # LiteLLM's old place for one
    if kind == "json_schema":
        holder = form.get("json_schema")
        schema = holder.get("schema") if isinstance(holder, dict) else schema
    elif kind not in ("json_object", None):
        refuse(target, "response_format", f"its type {kind!r} is unknown")
        return
    config["responseMimeType"] = "application/json"
    if isinstance(schema, dict) and schema:
        if (generation(target.model) or 2) >= 2:
            config["responseJsonSchema"] = schema
        else:
            config["responseSchema"] = schemas.clean(schema)


def _write_speech(config: Json, request: Request, target: Target) -> None:
    audio = request.audio
    if audio is None:
        return
    if audio.get("format") not in (None, "pcm16"):
        refuse(target, "audio", "it speaks in pcm16 only")
    voice = audio.get("voice")
    if isinstance(voice, str):
        config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    config.setdefault("responseModalities", ["AUDIO"])


def _thinking_config(thinking: Thinking | None, target: Target) -> Json | None:
    """From Gemini 3 on thinking has levels, before it a budget of tokens; -1 leaves the budget to the model."""
    if thinking is None:
        return None
    if (generation(target.model) or 0) >= 3:
        return _thinking_level(thinking, target)
    if not thinking.on:
        if "2.5-pro" in target.model:
            refuse(target, "reasoning_effort", "this model cannot but think")
            return None
        return {"thinkingBudget": 0, "includeThoughts": False}
    budget = thinking.budget
    if thinking.effort == "minimal" and budget == BUDGETS["minimal"]:
        budget = next((least for name, least in _FIRST_MINIMUM.items() if name in target.model), budget)
    return {"thinkingBudget": -1 if budget is None else budget, "includeThoughts": True}


def _thinking_level(thinking: Thinking, target: Target) -> Json:
    pro = "pro" in target.model
    if not thinking.on:  # these models cannot stop thinking: as little as they can, and nothing of it shown
        return {"thinkingLevel": "low" if pro else "minimal", "includeThoughts": False}
    level = _LEVELS.get(thinking.effort or "")
    if level is None:
        return {"includeThoughts": True}
    if pro and level == "minimal":
        level = "low"
    elif level == "medium" and "gemini-3-pro" in target.model:
        level = "high"
    return {"thinkingLevel": level, "includeThoughts": True}


def _write_resolution(config: Json, request: Request, target: Target) -> None:
    """Before Gemini 3 the resolution holds for the whole request: the highest that any part asks for."""
    if (generation(target.model) or 0) >= 3:
        return
    order = list(LEVELS.values())
    asked = [
        level
        for message in request.messages
        if isinstance(message.content, list)
        for part in message.content
        if (level := resolution_of(part)) is not None
    ]
    if asked:
        config["mediaResolution"] = max(asked, key=order.index)


def service_tier(request: Request, target: Target) -> str | None:
    """Return Google's name of the tier: https://ai.google.dev/api/generate-content#ServiceTier.

    Vertex AI has none in the body.
    """
    tier = request.service_tier
    if tier is None:
        return None
    if on_vertex(target):
        if tier not in ("auto", "default"):
            refuse(target, "service_tier", "it is chosen by the deployment")
        return None
    return {"auto": "priority", "default": "standard"}.get(tier, tier)
