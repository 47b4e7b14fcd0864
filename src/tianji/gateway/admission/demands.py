"""What the operator demands of every request, and what he forbids (`general_settings`).

`enforced_params`, also of service accounts alone and of single keys, `enforce_user_param` and
`reject_clientside_metadata_tags`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tianji._core.bodies.spans import ObjectSpans
from tianji.config.schema import GeneralSettings
from tianji.errors import InvalidRequest, MalformedJSON

USER: Final = "user|metadata.user_id"  # the latter is where Anthropic's clients have it
TAG_HEADERS: Final = (b"x-litellm-tags", b"x-tianji-tags")
_PLACES: Final = ("metadata", "litellm_metadata")


def demanded(general: GeneralSettings) -> tuple[str, ...]:
    """Return the members that every request has to have, for `enforce`."""
    return (*general.enforced_params, *((USER,) if general.enforce_user_param else ()))


def demanded_of_accounts(general: GeneralSettings) -> tuple[str, ...]:
    """Return the members that requests of service accounts have to have beside those."""
    written = general.service_account_settings.get("enforced_params")
    return tuple(name for name in written if isinstance(name, str)) if isinstance(written, list | tuple) else ()


def enforce(members: Iterable[str], body: ObjectSpans) -> None:
    """Raise InvalidRequest for the first that is missing; `metadata.team` is a member of a member.

    Of several with a bar between them one is enough.
    """
    for names in members:
        if not any(_stands(body, name) for name in names.split("|")):
            name = names.partition("|")[0]
            raise InvalidRequest(f"`{name}` is missing: the operator of this gateway demands it", param=name)


def refuse_tags(members: Mapping[str, object], headers: Mapping[bytes, bytes]) -> None:
    """Raise InvalidRequest for tags of the client's own, wherever they stand: those of keys and teams alone count."""
    nested = ((name, members.get(name)) for name in _PLACES)
    found = [f"{name}.tags" for name, inner in nested if isinstance(inner, Mapping) and "tags" in inner]
    found += ["tags"] if "tags" in members else []
    found += [name.decode() for name in TAG_HEADERS if name in headers]
    if found:
        raise InvalidRequest(
            f"`{found[0]}` is not allowed here: the operator of this gateway gives tags to keys and teams",
            param=found[0],
        )


def _stands(body: ObjectSpans, name: str) -> bool:
    outer, _, inner = name.partition(".")
    return _has(body, outer) and (not inner or _within(body, outer, inner))


def _has(body: ObjectSpans, name: str) -> bool:
    return (body.get(name.encode()) or b"null") != b"null"


def _within(body: ObjectSpans, outer: str, inner: str) -> bool:
    try:
        nested = body.nested(outer.encode())
    except MalformedJSON:  # a name stands twice
        return False
    return nested is not None and _has(nested, inner)
