"""Pages that ask a person for something, or tell him that it is done. They run no script and are in nobody's frame."""

import functools
import html
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji.errors import Header
from tianji.sso.browser import PRIVATE

_HTML: Final[Header] = (b"content-type", b"text/html; charset=utf-8")
_POLICY: Final[Header] = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
)


def respond(exchange: Exchange, name: str, values: Mapping[str, str], status: int = 200) -> None:
    """Answer with a page of this folder. `{name}` in it stands for a value, which is text and no HTML."""
    page = _page(name)
    for key, value in values.items():
        page = page.replace("{" + key + "}", html.escape(value))
    exchange.respond(status, [_HTML, _POLICY, *PRIVATE], page.encode())


@functools.cache
def _page(name: str) -> str:
    return Path(__file__).with_name(f"{name}.html").read_text()
