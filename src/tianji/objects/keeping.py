"""Files at providers that keep them in a way of their own: what these are asked, and what they say, as OpenAI says it.

https://docs.anthropic.com/en/api/files-create (beta) and https://ai.google.dev/api/files
"""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji.errors import Header, InvalidRequest, UpstreamProtocolError
from tianji.gateway.translation.request_lines import Content
from tianji.objects.places import Place
from tianji.objects.relay import Relay, Request
from tianji.objects.uploading import Upload
from tianji.protocol.multipart import Piece, written

PURPOSE: Final = "user_data"
"""What a file is for where its provider does not say."""
_BETA: Final[Header] = (b"anthropic-beta", b"files-api-2025-04-14")
_FILES: Final = "/v1beta/files"  # other versions of Google's API have none
_JSON: Final = b"application/json"
_BINARY: Final = b"application/octet-stream"
_STATES: Final = {"ACTIVE": "processed", "PROCESSING": "uploaded", "FAILED": "error"}
Json = dict[str, Any]


class Keeping:
    """How one provider keeps files."""

    def upload(self, upload: Upload) -> Request:
        """Return the request that brings a file. Raises InvalidRequest for one of a purpose that is not had there."""
        if upload.of_batch:
            raise InvalidRequest(
                "this model's provider takes no files of requests; send the requests one by one, or Anthropic's to "
                "/v1/messages/batches",
                param="purpose",
            )
        return self._bringing(upload)

    def asking(self, method: str, name: str, *, content: bool) -> Request:
        """Return a request about the file that the provider calls `name`, or for what it holds."""
        raise NotImplementedError

    def told(self, answer: Json, name: str | None = None) -> Json:
        """Return what is said of a file as OpenAI says it. `name`: the file that was deleted.

        Raises UpstreamProtocolError where the answer names none.
        """
        if name is not None:
            return {"id": name, "object": "file", "deleted": True}
        return {"object": "file", "purpose": PURPOSE, **self._described(answer)}

    def _bringing(self, upload: Upload) -> Request:
        raise NotImplementedError

    def _described(self, answer: Json) -> Json:
        raise NotImplementedError


class AnthropicKeeping(Keeping):
    """Anthropic's Files API."""

    def asking(self, method: str, name: str, *, content: bool) -> Request:
        """Return a request about a file."""
        return Request(method, f"/v1/files/{quote(name, safe='')}" + ("/content" if content else ""), headers=(_BETA,))

    def _bringing(self, upload: Upload) -> Request:
        piece = Piece("file", upload.content, upload.size, upload.filename, upload.content_type)
        kind, body, length = written([piece])
        return Request("POST", "/v1/files", "", (_BETA, (b"content-type", kind)), tuple(body), length)

    def _described(self, answer: Json) -> Json:
        return {
            "id": _text(answer, "id"),
            "bytes": _number(answer.get("size_bytes")),
            "created_at": _seconds(answer.get("created_at")),
            "filename": str(answer.get("filename") or ""),
            "status": "processed",
        }


class GoogleKeeping(Keeping):
    """The Files API of Gemini. A file's id is its address, which is what requests name it by."""

    def asking(self, method: str, name: str, *, content: bool) -> Request:
        """Return a request about a file; only what was generated can be had back."""
        path = f"{_FILES}/{quote(name.rpartition('/')[2], safe='')}"
        return Request(method, f"{path}:download" if content else path, "alt=media" if content else "")

    def _bringing(self, upload: Upload) -> Request:
        """Send what is said of the file and the file in one request, as Google's JSON APIs take media (RFC 2387)."""
        boundary = b"tianji-" + os.urandom(16).hex().encode()
        about = msgspec.json.encode({"file": {"displayName": upload.filename[:512]}})
        parts = b"--%b\r\ncontent-type: %b\r\n\r\n%b\r\n--%b\r\ncontent-type: %b\r\n\r\n" % (
            boundary, _JSON, about, boundary, upload.content_type or _BINARY,
        )  # fmt: skip
        end = b"\r\n--%b--\r\n" % boundary
        headers = (
            (b"content-type", b"multipart/related; boundary=" + boundary),
            (b"x-goog-upload-protocol", b"multipart"),
        )
        length = len(parts) + upload.size + len(end)
        return Request("POST", f"/upload{_FILES}", "", headers, (parts, upload.content, end), length)

    def _described(self, answer: Json) -> Json:
        file = answer.get("file", answer)
        if not isinstance(file, dict):
            raise UpstreamProtocolError("the upstream's answer names no file")
        expires = _seconds(file.get("expirationTime"))
        return {
            "id": _text(file, "uri"),
            "bytes": _number(file.get("sizeBytes")),
            "created_at": _seconds(file.get("createTime")),
            "filename": str(file.get("displayName") or ""),
            "status": _STATES.get(str(file.get("state")), "processed"),
            **({"expires_at": expires} if expires else {}),
        }


KEEPING: Final[Mapping[str, Keeping]] = {"anthropic": AnthropicKeeping(), "google": GoogleKeeping()}
"""Whoever keeps files in another way than OpenAI's, by `Place.keeps`."""


async def bring(relay: Relay, place: Place, upload: Upload, content: Content, size: int) -> Json:
    """Send a file to a place, with this content; return what is said of it, as OpenAI says it.

    Raises what the place refuses with, and InvalidRequest for a file that it does not take.
    """
    keeping = KEEPING.get(place.keeps)
    if keeping is not None:
        return keeping.told(await relay.ask(place, keeping.upload(upload))) | {"purpose": upload.field("purpose")}
    kind, body, length = upload.written(content, size)
    return await relay.ask(place, Request("POST", "/files", "", ((b"content-type", kind),), tuple(body), length))


def _text(holder: Mapping[str, object], member: str) -> str:
    value = holder.get(member)
    if not isinstance(value, str) or not value:
        raise UpstreamProtocolError(f"the upstream's answer names no file: it has no {member}")
    return value


def _number(value: object) -> int:
    """Return a count of bytes, which Google writes as text; 0 for what is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else 0


def _seconds(value: object) -> int:
    """Return a time as OpenAI writes it."""
    try:
        return int(datetime.fromisoformat(str(value)).timestamp())
    except ValueError:
        return 0
