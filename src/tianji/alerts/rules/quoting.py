"""What was asked in a request that somebody is alerted of: its beginning, for whoever is to find out why."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji.callbacks.discretion import unquoted
from tianji.callbacks.otlp.conversation import asked
from tianji.ledger.credentials import without_secrets
from tianji.ledger.entry import Entry
from tianji.ledger.payloads import UNREADABLE, messages_of

LONGEST: Final = 100  # characters
LONGEST_REMARK: Final = 500  # characters


def quote(entry: Entry) -> str:
    """Return the beginning of what was asked; nothing where that is not kept, or is for others to know alone."""
    said = entry.payload
    if said is None or said.quiet:
        return ""
    if said.telling is not None and (said.telling.bare or said.telling.owner):
        return ""
    try:
        messages: Any = msgspec.json.decode(said.messages or messages_of(said.request) or b"null")
    except UNREADABLE:
        return ""
    words = " ".join(" ".join(message.text.split()) for message in asked(messages))
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


def remark(entry: Entry) -> Mapping[str, object]:
    """Return what `metadata.alerting_metadata` says for whoever is alerted; nothing where that is for others."""
    said = entry.payload
    if said is None or said.quiet or b'"alerting_metadata"' not in said.request:
        return {}
    if said.telling is not None and (said.telling.bare or said.telling.owner):
        return {}
    try:
        found = msgspec.json.decode(said.request)["metadata"]["alerting_metadata"]
    except (*UNREADABLE, KeyError, TypeError):
        return {}
    told = msgspec.json.encode(without_secrets(found)).decode() if isinstance(found, dict) else ""
    return {"alerting_metadata": told[:LONGEST_REMARK]} if told else {}


def complaint(entry: Entry) -> str:
    """Return what is said of a failure, without what was asked in it where that is for others to know alone."""
    said, message = entry.payload, entry.error_message or ""
    if said is None or said.telling is None or not said.telling.owner:
        return message
    try:
        return unquoted(message, msgspec.json.decode(said.messages or messages_of(said.request) or b"null"))
    except UNREADABLE:
        return message


def no_remark(_entry: Entry) -> Mapping[str, object]:
    """Return nothing, likewise."""
    return {}


def nothing(_entry: Entry) -> str:
    """Return nothing, where nobody is to be told what was said."""
    return ""
