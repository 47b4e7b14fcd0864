import pytest

from tianji.auth.credentials import UNUSABLE, Credentials


class Request:
    def __init__(self, headers, path="/v1/chat/completions", query=b""):
        self.headers = [(name.encode(), value.encode()) for name, value in headers]
        self.path = path
        self.query = query


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([], None),
        ([("authorization", "Bearer sk-a")], b"sk-a"),
        ([("authorization", "bearer sk-a")], b"sk-a"),
        ([("authorization", "BEARER sk-a")], UNUSABLE),
        ([("authorization", "Basic abc")], b"abc"),
        ([("authorization", "sk-a")], UNUSABLE),
        ([("authorization", "")], UNUSABLE),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=sk-a/2026/x/y, SignedHeaders=z")], b"sk-a"),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=Bearer sk-a/2026/x")], b"sk-a"),
        ([("authorization", "AWS4-HMAC-SHA256 nothing")], UNUSABLE),
        ([("api-key", "sk-a")], b"sk-a"),
        ([("x-api-key", "sk-a")], b"sk-a"),
        ([("x-goog-api-key", "sk-a")], b"sk-a"),
        ([("ocp-apim-subscription-key", "sk-a")], b"sk-a"),
        ([("x-litellm-api-key", "sk-a")], b"sk-a"),
        ([("x-litellm-api-key", "Bearer sk-a")], b"sk-a"),
        ([("x-tianji-api-key", "Bearer sk-a")], b"sk-a"),
        ([("x-api-key", "sk-b"), ("authorization", "Bearer sk-a")], b"sk-a"),
        ([("authorization", "Bearer sk-a"), ("x-litellm-api-key", "sk-b")], b"sk-b"),
        ([("x-api-key", "sk-a"), ("authorization", "nonsense")], UNUSABLE),
        ([("x-api-key", "sk-a"), ("api-key", "")], UNUSABLE),
    ],
)
def test_the_first_place_wins_even_when_it_is_of_no_use(headers, key):
    assert Credentials().find(Request(headers)) == key


def test_a_header_named_in_the_settings_overrides_when_present():
    credentials = Credentials("X-My-Key")
    both = [("x-litellm-api-key", "sk-a"), ("x-my-key", "Bearer sk-b")]
    assert credentials.find(Request(both)) == b"sk-b"
    assert credentials.find(Request([("x-my-key", "sk-b")])) == UNUSABLE
    assert credentials.find(Request([("authorization", "Bearer sk-a")])) == b"sk-a"


def test_a_key_in_the_query_counts_on_googles_paths_only():
    google = "/v1beta/models/gemini:streamGenerateContent"
    assert Credentials().find(Request([], google, b"alt=sse&key=sk-a%2Fb")) == b"sk-a/b"
    assert Credentials().find(Request([], "/v1/models", b"key=sk-a")) is None
    assert Credentials().find(Request([], google, b"alt=sse")) is None


@pytest.mark.parametrize(
    ("headers", "others"),
    [
        ([], ()),
        ([("x-api-key", "sk-a")], ()),
        ([("authorization", "Bearer sk-a"), ("x-api-key", "sk-a")], ()),
        ([("x-api-key", "sk-a"), ("x-litellm-api-key", "Bearer sk-a")], ()),
        ([("authorization", "Bearer t"), ("x-litellm-api-key", "sk-a")], (("authorization", "Bearer t"),)),
        ([("x-own", "sk-a"), ("authorization", "Bearer sk-a"), ("x-api-key", "k")], (("x-api-key", "k"),)),
        ([("x-goog-api-key", "k"), ("accept", "*"), ("x-tianji-api-key", "sk-a")], (("x-goog-api-key", "k"),)),
    ],
)
def test_what_does_not_let_in_is_for_somebody_else_unless_it_says_the_same_key(headers, others):
    found = Credentials("X-Own").others(Request(headers))
    assert found == tuple((name.encode(), value.encode()) for name, value in others)
