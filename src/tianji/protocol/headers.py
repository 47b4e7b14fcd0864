"""Which headers of an upstream's answer the client gets, and under which names."""

from collections.abc import Iterable

Header = tuple[bytes, bytes]

PREFIX = b"llm_provider-"

# Hop-by-hop (RFC 9110 section 7.6.1), framing, and what would speak for the gateway's own origin.
DROPPED = frozenset(
    {
        b"access-control-allow-credentials",
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"access-control-max-age",
        b"alt-svc",
        b"clear-site-data",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-security-policy",
        b"content-type",
        b"cross-origin-embedder-policy",
        b"cross-origin-opener-policy",
        b"cross-origin-resource-policy",
        b"date",
        b"keep-alive",
        b"location",
        b"nel",
        b"permissions-policy",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-connection",
        b"referrer-policy",
        b"report-to",
        b"reporting-endpoints",
        b"server",
        b"set-cookie",
        b"strict-transport-security",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"vary",
        b"via",
        b"www-authenticate",
        b"x-content-type-options",
        b"x-frame-options",
        b"x-permitted-cross-domain-policies",
        b"x-xss-protection",
    }
)
PASSED = frozenset({b"retry-after", b"retry-after-ms", b"x-should-retry"})
PASSED_PREFIX = b"x-ratelimit-"
# What Anthropic calls its limits (https://docs.anthropic.com/en/api/rate-limits#response-headers), by OpenAI's names.
RATE_LIMITS = {
    b"anthropic-ratelimit-%b-%b" % (kind, what): b"x-ratelimit-%b-%b" % (what, kind)
    for kind in (b"requests", b"tokens")
    for what in (b"limit", b"remaining")
}
REQUEST_IDS = (b"x-request-id", b"request-id")


def response_headers(upstream: Iterable[Header]) -> list[Header]:
    """Return what a client is given of an upstream's headers, whose names are lower-case.

    Every header that is not dropped goes out as `llm_provider-<name>`; rate limits and retry hints under their own
    names too, Anthropic's limits under OpenAI's, and the request id as `request-id`. Framing, `content-type` included,
    is the gateway's own business.
    """
    given = list(upstream)
    gone = DROPPED
    for name, value in given:
        if name == b"connection":
            gone = gone | {option.strip().lower() for option in value.split(b",")}
    found: list[Header] = []
    request_id: bytes | None = None
    for name, value in given:
        if name in gone:
            continue
        if name in PASSED or name.startswith(PASSED_PREFIX):
            found.append((name, value))
        elif name in RATE_LIMITS:
            found.append((RATE_LIMITS[name], value))
        elif name in REQUEST_IDS and request_id is None:
            request_id = value
        found.append((PREFIX + name, value))
    if request_id is not None:
        found.append((b"request-id", request_id))
    return found
