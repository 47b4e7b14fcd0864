"""The paths that lead through and are guarded, which their entries ask for: `pass_through_endpoints[].guardrails`."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from tianji.config.schema.general import PassThroughEndpoint
from tianji.guardrails.selection import texts
from tianji.guardrails.slots.forms import Form, form_at


class Path(Struct, frozen=True):
    """One of them. `names`: the guardrails that it asks for; form: what of its bodies they see."""

    path: str
    below: bool
    names: tuple[str, ...]
    form: Form


class Paths:
    """All of a configuration."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._exact: dict[str, Path] = {}
        self._below: list[Path] = []
        for one in paths:
            if one.below:
                self._below.append(one)
            self._exact[one.path] = one
        self._below.sort(key=lambda one: len(one.path), reverse=True)

    def find(self, path: str) -> Path | None:
        """Return what guards a path; None where nothing does."""
        exact = self._exact.get(path.rstrip("/"))
        return exact or next((one for one in self._below if path.startswith(one.path + "/")), None)


NO_PATHS: Final = Paths()


def paths_of(endpoints: Iterable[PassThroughEndpoint]) -> Paths:
    """Return those that ask for guardrails. Raises ConfigurationError for fields that are no paths into a body."""
    found = []
    for endpoint in endpoints:
        names, fields = asked_for(endpoint.guardrails)
        if names:
            form = form_at(fields.get("request_fields"), fields.get("response_fields"))
            path = "/" + endpoint.path.strip("/")
            found.append(Path(path, endpoint.include_subpath, names, form))
    return Paths(found)


def asked_for(written: object) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """(names, fields) that an entry asks for: a list, or a mapping of names to their fields.

    Fields of several guardrails are all looked at by all.
    """
    if not isinstance(written, Mapping):
        return texts(written), {}
    fields: dict[str, tuple[str, ...]] = {}
    for about in written.values():
        known: Mapping[str, Any] = about if isinstance(about, Mapping) else {}
        for key in ("request_fields", "response_fields"):
            if key in known:
                fields[key] = (*fields.get(key, ()), *texts(known[key]))
    return tuple(str(name) for name in written), fields
