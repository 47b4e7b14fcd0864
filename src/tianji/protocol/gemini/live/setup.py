"""A session of OpenAI's realtime API becomes the `setup` that a conversation of Google's Live API begins with.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update becomes
https://ai.google.dev/api/live#BidiGenerateContentSetup. What Google sets once cannot be changed later.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from tianji.protocol.gemini.schemas import clean
from tianji.protocol.loose import list_of, object_of

Json = dict[str, Any]
# voices that OpenAI has and Google has not; asked for one of these, Google speaks with its usual one
STOCK_VOICES: Final = frozenset({
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
})  # fmt: skip
_SPEAKS_ONLY: Final = "native-audio"  # in names of models that give sound alone
_GENERATION: Final = re.compile(r"gemini-(\d+)")


def takes_as_it_comes(model: str) -> bool:
    """Whether a model takes what is said in a conversation as `realtimeInput` alone, as those from Gemini 3 on do.

    https://ai.google.dev/gemini-api/docs/models/gemini-3.1-flash-live-preview: turns are for the history before it.
    """
    found = _GENERATION.search(model)
    return found is not None and int(found[1]) >= 3


def setup_of(session: Mapping[str, Any], model: str) -> Json:
    """Return the setup for a session, general or beta form. `model`: as the upstream calls it, a path or a name."""
    sound = object_of(session.get("audio"))
    heard, spoken = object_of(sound.get("input")), object_of(sound.get("output"))
    modalities = ["AUDIO"] if _SPEAKS_ONLY in model else _modalities(session)
    generation: Json = {"responseModalities": modalities}
    _copy(session, generation, {"temperature": "temperature"})
    most = session.get("max_output_tokens", session.get("max_response_output_tokens"))
    if isinstance(most, int) and not isinstance(most, bool):
        generation["maxOutputTokens"] = most
    voice = spoken.get("voice", session.get("voice"))
    if isinstance(voice, str) and voice not in STOCK_VOICES:
        generation["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    setup: Json = {"model": model, "generationConfig": generation}
    if isinstance(instructions := session.get("instructions"), str) and instructions:
        setup["systemInstruction"] = {"parts": [{"text": instructions}]}
    declared = [made for tool in list_of(session.get("tools")) if (made := _declaration(tool)) is not None]
    if declared:
        setup["tools"] = [{"functionDeclarations": declared}]
    detection = heard.get("turn_detection", session.get("turn_detection", {}))
    if activity := _detection(detection):
        setup["realtimeInputConfig"] = {"automaticActivityDetection": activity}
    if heard.get("transcription", session.get("input_audio_transcription", {})) is not None:
        setup["inputAudioTranscription"] = {}
    if "AUDIO" in modalities:
        setup["outputAudioTranscription"] = {}
    return setup


def detects_turns(setup: Mapping[str, Any]) -> bool:
    """Whether Google hears by itself where a turn begins and ends."""
    config = object_of(setup.get("realtimeInputConfig"))
    return not object_of(config.get("automaticActivityDetection")).get("disabled", False)


def _modalities(session: Mapping[str, Any]) -> list[str]:
    """Return the one that answers have: Google gives one of them alone, and sound where both are asked for."""
    named = list_of(session.get("output_modalities", session.get("modalities")))
    words = [word for word in named if isinstance(word, str)]
    return ["TEXT"] if words and "audio" not in words else ["AUDIO"]


def _detection(said: object) -> Json:
    if said is None:
        return {"disabled": True}  # the client says where turns end
    told = object_of(said)
    found: Json = {}
    if told.get("create_response") is False:
        found["disabled"] = True
    _copy(told, found, {"prefix_padding_ms": "prefixPaddingMs", "silence_duration_ms": "silenceDurationMs"})
    return found


def _declaration(tool: object) -> Json | None:
    told = object_of(tool)
    if told.get("type") != "function" or not isinstance(told.get("name"), str):
        return None
    found: Json = {"name": told["name"]}
    _copy(told, found, {"description": "description"})
    if isinstance(told.get("parameters"), dict) and told["parameters"].get("properties"):
        found["parameters"] = clean(told["parameters"])
    return found


def _copy(given: Mapping[str, Any], into: Json, names: Mapping[str, str]) -> None:
    into.update((new, given[old]) for old, new in names.items() if given.get(old) is not None)
