"""Members that a client may not send."""

import pytest

from tianji.dialects import forbidden
from tianji.errors import AuthenticationFailed, InvalidRequest


@pytest.mark.parametrize(
    "name",
    [
        "api_base",
        "base_url",
        "user_config",
        "model_list",
        "aws_role_name",
        "vertex_credentials",
        "azure_ad_token",
        "client_secret",
        "langfuse_host",
        "input_cost_per_token",
        "output_cost_per_token_above_128k_tokens",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost_above_1hr",
        "cache_read_input_audio_token_cost",
        "cost_per_second",
        "tiered_pricing",
        "token_exchange_endpoint",
    ],
)
@pytest.mark.parametrize("nest", [None, "metadata", "litellm_metadata", "extra_body", "litellm_embedding_config"])
def test_rejected_everywhere(name: str, nest: str | None) -> None:
    body: dict[str, object] = {"model": "m", name: "x"} if nest is None else {"model": "m", nest: {name: "x"}}
    with pytest.raises(AuthenticationFailed) as caught:
        forbidden.check_body(body)
    assert caught.value.status == 401
    assert caught.value.message.startswith(f"Authentication Error, Rejected Request: {name} is not allowed")


def test_metadata_as_text_is_looked_into() -> None:
    with pytest.raises(AuthenticationFailed):
        forbidden.check_body({"metadata": '{"api_base":"http://169.254.169.254"}'})
    forbidden.check_body({"metadata": "no json"})


def test_ordinary_bodies_pass() -> None:
    body = {"model": "m", "messages": [], "user": "u", "metadata": {"tags": ["a"]}, "api_key": "k", "vendor_field": 1}
    forbidden.check_body(body)
    assert not any(forbidden.is_rejected(name) for name in body)


def test_what_the_operator_allows() -> None:
    forbidden.check_names(["api_base"], allowed=["api_base"])
    forbidden.check_names(["api_base", "aws_role_name"], any_credentials=True)
    with pytest.raises(AuthenticationFailed):
        forbidden.check_names(["base_url"], allowed=["api_base"])


@pytest.mark.parametrize("name", ["model_list", "openai_identity_token_file"])
def test_nothing_allows_these(name: str) -> None:
    with pytest.raises(AuthenticationFailed):
        forbidden.check_names([name], allowed=[name], any_credentials=True)


@pytest.mark.parametrize("value", ["os.environ/OPENAI_API_KEY", "oidc/google/x"])
def test_credentials_may_not_refer(value: str) -> None:
    for body in ({"api_key": value}, {"extra_body": {"api_key": value}}):
        with pytest.raises(AuthenticationFailed) as caught:
            forbidden.check_body(body, any_credentials=True)
        assert "OPENAI" not in caught.value.message


def test_test_faults() -> None:
    forbidden.check_test_faults(["model", "messages"])
    with pytest.raises(InvalidRequest) as caught:
        forbidden.check_test_faults(["model", "mock_delay"])
    assert caught.value.param == "mock_delay"
