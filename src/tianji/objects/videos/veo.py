"""Videos of Google's Veo, which are operations: what is asked, and what is said of them, as OpenAI says it.

https://ai.google.dev/gemini-api/docs/video and
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from tianji.accounting.prices.names import resolution_of
from tianji.errors import InvalidRequest, UpstreamProtocolError

SECONDS: Final = 8  # of a video of which nobody says how long it is to be
SIZE: Final = "1280x720"
_RESOLUTIONS: Final = frozenset({"720p", "1080p", "4k"})
_OPENAIS: Final = frozenset({"model", "prompt", "seconds", "size", "input_reference", "parameters"})
_SIZE: Final = re.compile(r"([0-9]{2,5})x([0-9]{2,5})")
_BEGINNING: Final = re.compile(rb'"bytesBase64Encoded"\s*:\s*"')
_LONGEST: Final = 64  # bytes of what comes before the content of a video, at most
Json = dict[str, Any]


def request(members: Json, image: tuple[bytes, str] | None) -> Json:
    """Return what Veo is asked for a request in OpenAI's form. `image`: the picture that it begins with, and its type.

    Members that OpenAI does not have are parameters of Veo's, as those in `parameters` are.

    Raises InvalidRequest for a size or a length that is none.
    """
    instance: Json = {"prompt": members.get("prompt")}
    if image is not None:
        content, kind = image
        instance["image"] = {"bytesBase64Encoded": base64.b64encode(content).decode(), "mimeType": kind}
    parameters: Json = {"durationSeconds": length(members)}
    size = members.get("size")
    if size is not None:
        found = _SIZE.fullmatch(str(size))
        if found is None:
            raise InvalidRequest(f"size: expected WIDTHxHEIGHT, such as {SIZE}", param="size")
        parameters["aspectRatio"] = "16:9" if int(found[1]) >= int(found[2]) else "9:16"
        resolution = resolution_of(str(size))
        if resolution in _RESOLUTIONS:
            parameters["resolution"] = resolution
    given = members.get("parameters")
    parameters |= given if isinstance(given, dict) else {}
    parameters |= {name: value for name, value in members.items() if name not in _OPENAIS}
    return {"instances": [instance], "parameters": parameters}


def length(members: Mapping[str, Any]) -> int:
    """Return how many seconds a video is to have. Raises InvalidRequest."""
    given = members.get("parameters")
    own = given.get("durationSeconds") if isinstance(given, dict) else None
    text = str(own or members.get("durationSeconds") or members.get("seconds") or SECONDS)
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 0 < int(text) <= 3600:
        raise InvalidRequest("seconds: expected a whole number of seconds", param="seconds")
    return int(text)


def state(operation: Json) -> Json:
    """Return how far a video is, by its operation, as OpenAI says it. Raises UpstreamProtocolError for what is none."""
    if not isinstance(operation.get("name"), str) and "done" not in operation:
        raise UpstreamProtocolError("the upstream's answer is no operation")
    if operation.get("done") is not True:
        return {"status": "in_progress", "progress": 0}
    error = operation.get("error")
    if isinstance(error, dict):
        said = {"code": str(error.get("code") or "failed"), "message": str(error.get("message") or "it failed")}
        return {"status": "failed", "progress": 0, "error": said}
    if not samples(operation):
        reasons = answer_of(operation).get("raiMediaFilteredReasons")
        told = "; ".join(map(str, reasons)) if isinstance(reasons, list) and reasons else "there is no video"
        return {"status": "failed", "progress": 0, "error": {"code": "moderation_blocked", "message": told}}
    return {"status": "completed", "progress": 100}


def samples(operation: Json) -> list[Json]:
    """Return the videos of an operation that is done: of Gemini with `uri`, of Vertex AI with `gcsUri` or bytes."""
    answer = answer_of(operation)
    found = answer.get("generatedSamples") or answer.get("videos") or []
    videos = [one.get("video", one) for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in videos if isinstance(one, dict)]


def answer_of(operation: Json) -> Json:
    """Return what an operation has come to; {} where that is nothing."""
    response = operation.get("response")
    if not isinstance(response, dict):
        return {}
    inner = response.get("generateVideoResponse", response)
    return inner if isinstance(inner, dict) else {}


def decoded(data: str) -> bytes:
    """Return a picture that stands in a request. Raises InvalidRequest for what is no base64."""
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise InvalidRequest("input_reference: the picture is no base64", param="input_reference") from None


class Without:
    """Reads an answer whose videos stand in it, and keeps all but these. It is fed with pieces, cut anywhere."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self._held = b""
        self._inside = False

    def __call__(self, data: bytes | None) -> bytes:
        """Take a piece, or None at the end; nothing goes on."""
        self._held += data or b""
        while self._held:
            if self._inside:
                end = self._held.find(b'"')
                if end < 0:
                    self._held = b""
                    break
                self._held, self._inside = self._held[end:], False
            found = _BEGINNING.search(self._held)
            if found is None:
                kept = 0 if data is None else min(_LONGEST, len(self._held))
                self.rest += self._held[: len(self._held) - kept]
                self._held = self._held[len(self._held) - kept :]
                break
            self.rest += self._held[: found.end()]
            self._held, self._inside = self._held[found.end() :], True
        return b""


class Decoded:
    """Finds the first video in an answer. It is fed with pieces of that, cut anywhere, and with None at the end.

    Raises UpstreamProtocolError for what is no base64, and at the end where there was no video.
    """

    def __init__(self) -> None:
        self._held = b""
        self._state = "before"

    def __call__(self, data: bytes | None) -> bytes:
        """Return the bytes of the video that are known now."""
        if self._state == "behind":
            return b""
        self._held += data or b""
        if self._state == "before":
            found = _BEGINNING.search(self._held)
            if found is None:
                self._held = self._held[-_LONGEST:]
            else:
                self._held, self._state = self._held[found.end() :], "inside"
        if self._state == "before":
            if data is None:
                raise UpstreamProtocolError("there is no video in the upstream's answer")
            return b""
        end = self._held.find(b'"')
        if end >= 0:
            whole, self._held, self._state = self._held[:end], b"", "behind"
            return _bytes(whole)
        if data is None:
            raise UpstreamProtocolError("the upstream's answer ends within its video")
        even = len(self._held) // 4 * 4
        whole, self._held = self._held[:even], self._held[even:]
        return _bytes(whole)


def _bytes(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UpstreamProtocolError("the video in the upstream's answer is no base64") from None
