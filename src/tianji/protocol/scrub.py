"""Keeps credentials out of texts that clients read: those we know, and whatever looks like one."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
_SHORTEST = 6  # a shorter secret cannot be told from ordinary text; masking it would eat words

_LOOKS_SECRET = re.compile(
    r"""
      (?P<field>["']?\b(?:api[-_ ]?key|x-api-key|authorization|access[-_ ]?token|client[-_ ]?secret|password|secret)
        ["']?\s{0,3}[:=]\s{0,3}["']?(?:(?:bearer|basic)[ ]{1,3})?)(?!\s)[^\s"',;&}\])]{4,}
    | (?P<scheme>\b(?:bearer|basic|key|token)[ ]{1,3})(?=[^\s]{0,200}\d)[A-Za-z0-9._~+/*=-]{12,}
    | (?P<url>\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@]{1,200}@
    | \b(?:sk|pk|rk|gsk|xai|nvapi|pplx|csk|fw|hf|r8|tgp|gh[opsu]|github_pat)[-_][A-Za-z0-9_*.-]{12,}
    | \bsk-(?=[^\s]{0,200}[\d*])[A-Za-z0-9_*.-]{3,}
    | \bdapi[0-9a-f]{16,}
    | (?-i:\b(?:AIza|AKIA|ASIA)[A-Za-z0-9_-]{12,})
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask every occurrence of `secrets` (plain, URL-quoted or JSON-escaped) and all that looks like a credential."""
    forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return _LOOKS_SECRET.sub(_mask, text)


def _forms(secret: str) -> tuple[str, ...]:
    return secret, quote(secret, safe=""), json.dumps(secret)[1:-1]


def _mask(match: re.Match[str]) -> str:
    if match["url"]:
        return f"{match['url']}{MASK}@"
    return f"{match['scheme'] or match['field'] or ''}{MASK}"
