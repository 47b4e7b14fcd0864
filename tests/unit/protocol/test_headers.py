"""Which headers of an upstream reach the client."""

from tianji.protocol.headers import DROPPED, response_headers


def test_filtering() -> None:
    given = [
        (b"content-type", b"application/json"),
        (b"x-ratelimit-remaining-requests", b"9"),
        (b"retry-after", b"3"),
        (b"x-request-id", b"req_1"),
        (b"openai-processing-ms", b"12"),
        (b"set-cookie", b"a=b"),
        (b"server", b"cloudflare"),
        (b"connection", b"close, X-Hop"),
        (b"x-hop", b"1"),
    ]
    assert response_headers(given) == [
        (b"x-ratelimit-remaining-requests", b"9"),
        (b"llm_provider-x-ratelimit-remaining-requests", b"9"),
        (b"retry-after", b"3"),
        (b"llm_provider-retry-after", b"3"),
        (b"llm_provider-x-request-id", b"req_1"),
        (b"llm_provider-openai-processing-ms", b"12"),
        (b"request-id", b"req_1"),
    ]


def test_dropped_names_never_pass() -> None:
    assert response_headers([(name, b"v") for name in DROPPED]) == []


def test_the_first_request_id_is_kept() -> None:
    found = dict(response_headers([(b"request-id", b"a"), (b"x-request-id", b"b")]))
    assert found[b"request-id"] == b"a"
