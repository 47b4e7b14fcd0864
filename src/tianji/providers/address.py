"""Base URLs, queries and headers: checked once here, so that the hot path may write them as they are."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from tianji.errors import ConfigurationError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_FRAMING = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_FIELD = re.compile(r"\{(api_key|env:([A-Z0-9_|]+)(?:=([^}]*))?)\}")
_URL_TEXT = re.compile(r"[!-~]+")  # visible ASCII only: a space or a control character would end the request line


def split_base(url: str) -> tuple[str, str]:
    """Return (base without trailing slash, query) of an absolute http or https URL.

    A base that already ends in `/chat/completions` is cut to what stands before. Raises ConfigurationError.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(f"api_base must be an absolute URL such as https://host/v1, not {_shown(url)}")
    if "@" in parts.netloc or "\\" in url or not _URL_TEXT.fullmatch(url.strip()):
        raise ConfigurationError(
            f"api_base {_shown(url)} holds credentials or characters that a URL may not; "
            "put credentials into api_key or extra_headers"
        )
    if parts.fragment:
        raise ConfigurationError(f"api_base {_shown(url)} has a fragment; remove the part from # on")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}", parts.query


def encode_query(query: str, extra: Mapping[str, str]) -> str:
    """Merge `extra` over the pairs of `query` and encode; `extra` wins."""
    pairs = dict(parse_qsl(query, keep_blank_values=True)) | dict(extra)
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs.items())


def encode_headers(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[bytes, bytes], ...]:
    """Lower the names, check both sides, let the last of a name win. Raises ConfigurationError."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        lower = name.lower()
        if not _TOKEN.fullmatch(lower):
            raise ConfigurationError(f"{name!r} is not a header name; use letters, digits and hyphens")
        if lower in _FRAMING:
            raise ConfigurationError(f"header {lower!r} is written by the gateway itself; remove it from extra_headers")
        try:
            raw = value.strip(" \t").encode("latin-1")
        except UnicodeEncodeError:
            raw = value.strip(" \t").encode()
        if any(c in raw for c in (b"\r", b"\n", b"\0")):
            raise ConfigurationError(f"the value of header {lower!r} holds a line break or NUL; remove it")
        found[lower.encode()] = raw
    return tuple(found.items())


def fill(template: str, environ: Mapping[str, str], api_key: str | None) -> str | None:
    """Fill `{api_key}` and `{env:NAME|NAME=default}` of a table entry; None when one has no value."""
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        if match[1] == "api_key":
            found = api_key
        else:
            found = next((v for name in match[2].split("|") if (v := environ.get(name))), match[3])
        missing = missing or not found
        return found or ""

    filled = _FIELD.sub(value, template)
    return None if missing else filled


def variables(template: str) -> tuple[str, ...]:
    """Name the environment variables that a table entry reads."""
    return tuple(name for match in _FIELD.finditer(template) if match[2] for name in match[2].split("|"))


def same_place(url: str, known: str) -> bool:
    """Tell whether `url` is at `known`: same scheme, host and port, and `known`'s path begins its path by segments."""
    try:
        here, there = urlsplit(url), urlsplit(known)
        if "@" in here.netloc or "\\" in url or here.scheme != there.scheme:
            return False
        if (here.hostname, here.port or 443) != (there.hostname, there.port or 443):
            return False
    except ValueError:
        return False
    path, prefix = here.path.rstrip("/"), there.path.rstrip("/")
    return ".." not in path.split("/") and (path == prefix or path.startswith(prefix + "/"))


def _shown(url: str) -> str:
    """Show a URL without what could be a credential."""
    return repr(re.sub(r"//[^/]*@", "//***@", url.partition("?")[0])[:200])
