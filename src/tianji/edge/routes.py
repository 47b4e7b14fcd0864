"""The route table: which path is answered by whom, and who may call it.

A path is split at its slashes first and each part is percent-decoded once, so that an encoded slash never makes a new
part. Empty parts, dot segments and text that is not UTF-8 match nothing. One trailing slash is tolerated.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.errors import MethodNotAllowed, RouteNotFound

REMEMBERED = 1024  # paths with parameters whose row is remembered: clients choose them
NO_PARTS = frozenset({"", ".", ".."})
_Row = TypeVar("_Row")
Handler = Callable[[Exchange, "Match"], Awaitable[None] | None]


class Route(Struct, frozen=True):
    """One row. `path` may hold `{name}` (one part) and at most one `{name:path}` (one part or more), with a tail."""

    methods: tuple[str, ...]
    path: str
    handler: Handler
    access: Access
    tenant: Tenant
    summary: str
    tags: tuple[str, ...] = ()
    always: bool = False  # answered even while the process drains
    large: bool = False  # a body beyond a MiB is kept in a file, and has a limit of its own
    request_schema: Mapping[str, object] | None = None  # JSON Schema of the body
    response_schema: Mapping[str, object] | None = None
    leads: bool = False  # its handler wants the path, which may have no parameters
    query: Mapping[str, str] = {}  # parameter: what it means
    key_of: Callable[[Exchange], bytes | None] | None = None  # finds a key where only this path has it


class Match:
    """A route that fits a request, with the values of its parameters.

    raw: the path as sent, where it has any, or its handler wants it; else b""
    """

    __slots__ = ("always", "any_key", "handler", "large", "open", "params", "raw", "route")

    def __init__(self, route: Route, params: Mapping[str, str], raw: bytes = b"") -> None:
        self.route = route
        self.params = params
        self.raw = raw
        self.handler = route.handler
        self.open = route.access is Access.OPEN
        self.any_key = route.access in (Access.KEY, Access.INFO, Access.SELF)
        self.always = route.always
        self.large = route.large


class _Template:
    """A path with parameters, compiled."""

    __slots__ = ("_greedy", "_names", "_parts", "_tails", "path", "rank", "routes")

    def __init__(self, path: str) -> None:
        self.path = path
        self._parts: list[str | None] = []  # None where a parameter stands
        self._names: list[str] = []
        self._tails: list[str] = []  # what follows each parameter within its part
        self._greedy = -1
        for number, part in enumerate(path.strip("/").split("/")):
            if part.startswith("{"):
                inner, _, tail = part[1:].partition("}")
                name, _, kind = inner.partition(":")
                if kind == "path":
                    if self._greedy >= 0:
                        raise ValueError(f"{path}: only one parameter may span several parts")
                    self._greedy = number
                elif kind:
                    raise ValueError(f"{path}: {kind!r} is no kind of parameter; `path` is")
                self._names.append(name)
                self._tails.append(tail)
                self._parts.append(None)
            else:
                self._parts.append(part)
        literals = sum(part is not None for part in self._parts)
        self.rank = (-literals, not any(self._tails), self._greedy >= 0, -len(self._parts))  # the most specific first
        self.routes: dict[str, Route] = {}

    def fit(self, parts: list[str]) -> dict[str, str] | None:
        """Return the parameters' values when `parts` fit, else None."""
        surplus = len(parts) - len(self._parts)
        if surplus < 0 or (surplus and self._greedy < 0):
            return None
        values: list[str] = []
        at = 0
        for number, want in enumerate(self._parts):
            width = surplus + 1 if number == self._greedy else 1
            got = parts[at] if width == 1 else "/".join(parts[at : at + width])
            at += width
            if want is None:
                tail = self._tails[len(values)]
                value = got.removesuffix(tail)
                if tail and (value == got or value.rpartition("/")[2] in NO_PARTS):
                    return None
                values.append(value)
            elif want != got:
                return None
        return dict(zip(self._names, values, strict=True))


class RouteTable:
    """All routes of a worker. An edge keeps it, so that other routes take their place in it, all at once.

    `exact` is what the edge looks up first: raw path -> method -> match, for paths without parameters, and for others
    that were found before.
    Raises ValueError for two rows that answer the same method and path.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._literal: dict[bytes, dict[str, Match]] = {}
        templates: dict[str, _Template] = {}
        for route in self.routes:
            if not route.path.startswith("/"):
                raise ValueError(f"{route.path}: a path starts with a slash")
            if route.access is Access.OPEN and route.tenant is Tenant.CALLER:
                raise ValueError(f"{route.path}: an open route has no caller whose data it could touch")
            for method in route.methods:
                if "{" in route.path:
                    template = templates.setdefault(route.path, _Template(route.path))
                    _insert(template.routes, method, route, route)
                else:
                    path = route.path.encode("ascii")
                    matches = self._literal.setdefault(path, {})
                    _insert(matches, method, Match(route, {}, path if route.leads else b""), route)
        for matches in self._literal.values():
            _answer_head(matches)
        for template in templates.values():
            _answer_head(template.routes)
        self._templates = sorted(templates.values(), key=lambda template: template.rank)
        self.exact = dict(self._literal)
        self._learnt: set[bytes] = set()

    def adopt(self, other: "RouteTable") -> None:
        """Have the routes of another table from now on."""
        self.routes = other.routes
        self.exact.clear()
        self.exact.update(other.exact)
        self._literal, self._templates = other._literal, other._templates
        self._learnt = set(other._learnt)

    def match(self, method: str, raw_path: bytes) -> Match:
        """Find the row for a request. `raw_path`: as sent, without query.

        Raises RouteNotFound (404) and MethodNotAllowed (405, with the methods that are).
        """
        known = self.exact.get(raw_path)
        if known is not None and method in known:
            return known[method]
        parts = _split(raw_path)
        allowed: set[str] = set()
        matches = self._literal.get(b"/" + "/".join(parts).encode())
        if matches is not None and not any("/" in part for part in parts):
            if method in matches:
                return matches[method]
            allowed.update(matches)
        for template in self._templates:
            params = template.fit(parts)
            if params is None:
                continue
            if method in template.routes:
                return self._learn(method, raw_path, Match(template.routes[method], params, raw_path))
            allowed.update(template.routes)
        if allowed:
            names = tuple(sorted(allowed))
            raise MethodNotAllowed(f"{method} is not allowed here; use {', '.join(names)}", names)
        raise _not_found()

    def _learn(self, method: str, raw_path: bytes, match: Match) -> Match:
        """Have a path be looked up as one without parameters from now on. Clients choose them, so few are kept."""
        if raw_path not in self._learnt:
            if len(self._learnt) >= REMEMBERED:
                self.exact.clear()
                self.exact.update(self._literal)
                self._learnt.clear()
            self._learnt.add(raw_path)
            self.exact[raw_path] = dict(self._literal.get(raw_path, {}))
        self.exact[raw_path][method] = match
        return match


def _insert(rows: dict[str, _Row], method: str, row: _Row, route: Route) -> None:
    if method in rows:
        raise ValueError(f"{method} {route.path}: there are two routes for it")
    rows[method] = row


def _answer_head(rows: dict[str, _Row]) -> None:
    """RFC 9110 section 9.3.2: HEAD is answered as GET is, and the server leaves the body out."""
    if "GET" in rows:
        rows.setdefault("HEAD", rows["GET"])


def _split(raw_path: bytes) -> list[str]:
    """Return the decoded parts of a path. Raises RouteNotFound for one that no route may ever match."""
    if raw_path == b"/":
        return []
    if not raw_path.startswith(b"/"):
        raise _not_found()
    raw_parts = raw_path[1:].split(b"/")
    if raw_parts[-1] == b"" and len(raw_parts) > 1:
        raw_parts.pop()
    parts = []
    for raw in raw_parts:
        try:
            part = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise _not_found() from None
        # an encoded slash stays inside its part, and what it separates is judged like parts
        if any(piece in NO_PARTS for piece in part.split("/")) or not part.isprintable():
            raise _not_found()
        parts.append(part)
    return parts


def _not_found() -> RouteNotFound:
    return RouteNotFound("no such path; GET /routes lists all of them")
