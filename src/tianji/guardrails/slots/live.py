"""Messages of Google's Live API in which a client says something (https://ai.google.dev/api/live).

Sound and pictures are no text. Members have two spellings, `clientContent` and `client_content`.
"""

from typing import Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots import gemini
from tianji.guardrails.slots.sheet import Sheet, Voice, listed
from tianji.guardrails.slots.texts import Json, Path

_CONTENT: Final = ("clientContent", "client_content")
_RESULTS: Final = ("toolResponse", "tool_response")
_RESULT: Final = Voice("tool", Kind.TOOL_RESULT)
_SETTINGS: Final = frozenset(
    {
        "realtimeInputConfig", "realtime_input_config", "sessionResumption", "session_resumption",
        "contextWindowCompression", "context_window_compression", "inputAudioTranscription",
        "input_audio_transcription", "outputAudioTranscription", "output_audio_transcription", "proactivity",
    }
)  # fmt: skip
"""Members of a setup that steer, beside those of every request."""


def message(sheet: Sheet, body: Json) -> None:
    """Read one message."""
    for name, value in body.items():
        if name == "setup" and isinstance(value, dict):
            gemini.request(sheet, {key: inner for key, inner in value.items() if key not in _SETTINGS}, (name,))
        elif name in _CONTENT and isinstance(value, dict):
            gemini.contents(sheet, listed(value.get("turns")), (name, "turns"))
            others = {key: inner for key, inner in value.items() if key != "turns" or not isinstance(inner, list)}
            sheet.said(others, (name,), Voice(), gemini.NAMES)
        elif name in _RESULTS and isinstance(value, dict):
            _results(sheet, value, (name,))
        else:
            sheet.said(value, (name,), Voice(), gemini.NAMES)


def _results(sheet: Sheet, brought: Json, path: Path) -> None:
    """Read what tools have brought."""
    for name, value in brought.items():
        at: Path = (*path, name)
        for number, result in enumerate(value if isinstance(value, list) else [value]):
            said = result
            if isinstance(result, dict):
                said = {key: inner for key, inner in result.items() if key != "name"}
            sheet.said(said, (*at, number) if isinstance(value, list) else at, _RESULT, gemini.NAMES)
