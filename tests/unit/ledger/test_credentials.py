"""Credentials in a request are neither kept nor told."""

import pytest

from tianji.ledger.credentials import without_secrets
from tianji.ledger.payloads import shortened_request


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "X-Api-Key", "langfuse_secret", "langfuse_secret_key", "aws_secret_access_key", "password",
     "access_token", "azure_ad_token", "token", "authorization", "gcs_path_service_account", "vertex_credentials",
     "x" * 100 + "_api_key"],
)  # fmt: skip
def test_what_is_called_like_a_credential_is_left_out(name: str) -> None:
    assert without_secrets({name: "canary", "a": [{name: "canary", "b": 1}]}) == {"a": [{"b": 1}]}


def test_what_only_sounds_like_one_is_told() -> None:
    schema = {"properties": {"password": {"type": "string"}}}
    members = {"max_tokens": 5, "tools": [{"function": {"parameters": schema}}], "secretary": "Ann", "token": 7}
    assert without_secrets(members) == members
    assert without_secrets({"extra_headers": {"x-anything": "canary"}}) == {}


def test_the_database_keeps_a_request_without_its_credentials() -> None:
    request = b'{"api_key":"canary","messages":[{"role":"user","content":"12345"}],"metadata":{"token":"canary"}}'
    assert shortened_request(request) == b'{"messages":[{"role":"user","content":"12345"}],"metadata":{}}'
    assert b"left out" in shortened_request(request, 4)
    assert shortened_request(b"[1]") == b"[1]"
    assert shortened_request(b"{") == b""
