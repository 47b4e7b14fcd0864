"""Documents that are read, in Mistral's form: https://docs.mistral.ai/api/endpoint/ocr.

A client names an address, has the document in the request as a data URI, or sends a form with it as a file. What else
a vendor keeps for somebody is nobody's here to name: an id is of no tenant.
"""

import base64
import mimetypes
from typing import Any, Final

import msgspec

from tianji.errors import InvalidRequest
from tianji.protocol.media.form import Asked, File, Json, Outbound, content_of

MOST: Final = 50 << 20
"""Bytes of a file that becomes part of a request in JSON, as many as LiteLLM takes."""
_ADDRESSES: Final = ("https://", "http://", "data:")


def outbound(asked: Asked) -> Outbound:
    """Write a request to a vendor of that form."""
    found = source_of(asked)
    told = {"model": asked.target.model, **members_of(asked), "document": asked.members.get("document")}
    if not isinstance(found, str):
        told["document"] = _inside(found)
    return Outbound("/ocr", told)


def source_of(asked: Asked) -> File | str:
    """Return the file of a form, else the address of a document, which may hold it. Raises InvalidRequest."""
    if any(name == "file" for name, _ in asked.files):
        return asked.file("file")
    document: Any = asked.members.get("document")
    kind = document.get("type") if isinstance(document, dict) else None
    if kind not in ("document_url", "image_url"):
        raise InvalidRequest(
            "document: expected an object whose type is document_url or image_url; send a file as a form "
            "(multipart/form-data) with a field 'file'",
            param="document",
        )
    found = document.get(kind)
    found = found.get("url") if isinstance(found, dict) else found
    if not isinstance(found, str) or not found.startswith(_ADDRESSES):
        raise InvalidRequest(f"document: {kind} has to be an https:, http: or data: URL", param="document")
    return found


def members_of(asked: Asked) -> Json:
    """Return what is asked beside the document; a form's fields are JSON where they can be."""
    more = asked.beyond(("model", "document", "file"))
    return {name: _said(value) for name, value in more.items()} if asked.files else more


def held(source: str) -> File | None:
    """Return the file that a data URI holds (RFC 2397), None for another address. Raises InvalidRequest."""
    if not source.startswith("data:"):
        return None
    head, comma, data = source.removeprefix("data:").partition(",")
    kind, _, coding = head.partition(";")
    try:
        if not comma or not coding.endswith("base64"):
            raise ValueError("it is not in Base64")
        content = base64.b64decode(data, validate=True)
        told = (kind or "application/octet-stream").encode("ascii")
    except ValueError as error:
        raise InvalidRequest(f"document: the data URI cannot be read: {error}", param="document") from None
    return File("file", content, len(content), f"document{mimetypes.guess_extension(kind) or ''}", told)


def _inside(file: File) -> Json:
    """Return a file as a document of a request."""
    whole = content_of(file, MOST)
    told = (file.content_type or b"").decode("latin-1").partition(";")[0].strip()
    if told in ("", "application/octet-stream"):
        told = mimetypes.guess_type(file.filename or "")[0] or "application/pdf"
    kind = "image_url" if told.startswith("image/") else "document_url"
    return {"type": kind, kind: f"data:{told};base64,{base64.b64encode(whole).decode()}"}


def _said(value: Any) -> Any:
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError):
        return value
