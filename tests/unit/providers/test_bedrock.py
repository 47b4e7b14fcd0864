"""Bedrock: where requests go, and who signs them."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tianji.errors import ConfigurationError
from tianji.providers import Upstream, build
from tianji.providers.logins import aws

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret-1", "AWS_SESSION_TOKEN": "session"}
MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
ARN = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc"


def made(environ: dict[str, str] | None = None, model: str = MODEL, **params: Any) -> Upstream:
    return build({"model": f"bedrock/{model}", **params}, environ or {}, drop_params=False)


def signature(found: Upstream) -> dict[bytes, bytes]:
    assert found.sign is not None
    return dict(found.sign("/model/x/converse", b"{}"))


@pytest.mark.parametrize(
    ("model", "params", "region", "name"),
    [
        (MODEL, {}, "us-west-2", MODEL),
        (f"converse/{MODEL}", {}, "us-west-2", MODEL),
        (f"us-east-2/{MODEL}", {}, "us-east-2", MODEL),
        (f"converse/us-east-2/{MODEL}", {}, "us-east-2", MODEL),
        (f"us-east-2/{MODEL}", {"aws_region_name": "eu-west-1"}, "eu-west-1", MODEL),
        (ARN, {}, "eu-central-1", ARN),
        (f"converse/{ARN}", {}, "eu-central-1", ARN),
        (MODEL, {"model_id": ARN}, "eu-central-1", ARN),
        (f"us.{MODEL}", {}, "us-west-2", f"us.{MODEL}"),
    ],
)
def test_regions_and_names(model: str, params: Any, region: str, name: str) -> None:
    found = made(KEYS, model, **params)
    assert found.model == name
    assert found.base_url == f"https://bedrock-runtime.{region}.amazonaws.com"


def test_openais_form_on_bedrock() -> None:
    found = made(KEYS, "chat_completions/openai.gpt-oss-20b-1:0", aws_region_name="us-west-2")
    assert found.base_url + found.paths["chat"] == (
        "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions"
    )
    assert (found.model, found.protocol) == ("openai.gpt-oss-20b-1:0", None)
    assert b"Credential=AKID/" in signature(found)[b"authorization"]
    mantle = made({"AWS_BEARER_TOKEN_BEDROCK": "b-1"}, "mantle/openai.gpt-oss-120b", aws_region_name="eu-west-1")
    assert mantle.base_url + mantle.paths["chat"] == "https://bedrock-mantle.eu-west-1.api.aws/v1/chat/completions"
    assert (mantle.model, dict(mantle.headers)[b"authorization"]) == ("openai.gpt-oss-120b", b"Bearer b-1")


@pytest.mark.parametrize(
    ("model", "host", "offered"),
    [
        ("amazon.rerank-v1:0", "bedrock-agent-runtime", "rerank"),
        ("amazon.nova-canvas-v1:0", "bedrock-runtime", "image_generation"),
        ("stability.sd3-5-large-v1:0", "bedrock-runtime", "image_generation"),
    ],
)
def test_what_does_not_talk(model: str, host: str, offered: str) -> None:
    found = made(KEYS, model, aws_region_name="us-west-2")
    assert found.base_url == f"https://{host}.us-west-2.amazonaws.com"
    assert (set(found.paths), found.protocol) == ({offered}, None)


def test_regions_of_the_environment_and_of_china() -> None:
    assert "us-east-1" in made({**KEYS, "AWS_REGION": "us-east-1"}).base_url
    assert made(KEYS, aws_region_name="cn-north-1").base_url == "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"


def test_an_address_of_ones_own() -> None:
    found = made(KEYS, aws_bedrock_runtime_endpoint="https://vpce.example")
    assert found.base_url == "https://vpce.example"
    assert made({**KEYS, "AWS_BEDROCK_RUNTIME_ENDPOINT": "https://e.example"}).base_url == "https://e.example"


def test_keys_sign() -> None:
    headers = signature(made(KEYS, aws_region_name="eu-west-1"))
    assert b"Credential=AKID/" in headers[b"authorization"]
    assert b"/eu-west-1/bedrock/aws4_request" in headers[b"authorization"]
    assert headers[b"x-amz-security-token"] == b"session"
    own = made(KEYS, aws_access_key_id="OWN", aws_secret_access_key="secret-2")
    assert b"Credential=OWN/" in signature(own)[b"authorization"]
    assert b"x-amz-security-token" not in signature(own)
    assert own.secrets == ("secret-2",)


@pytest.mark.parametrize("where", [{"api_key": "b-123456"}, {}])
def test_a_key_of_bedrocks_own_comes_first(where: dict[str, str]) -> None:
    environ = KEYS if where else {**KEYS, "AWS_BEARER_TOKEN_BEDROCK": "b-123456"}
    found = made(environ, **where)
    assert found.headers == ((b"authorization", b"Bearer b-123456"),)
    assert found.sign is None
    assert found.secrets == ("b-123456",)


@pytest.mark.parametrize(
    ("model", "params", "says"),
    [
        ("invoke/meta.llama3-8b-instruct-v1:0", {}, "models of Anthropic's only"),
        ("agent/x", {}, "agent/ is not served yet"),
        (MODEL, {"aws_region_name": "evil.example/"}, "no region"),
        (MODEL, {"aws_access_key_id": "x"}, "go together"),
    ],
)
def test_what_is_not_served_is_said(model: str, params: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        made(KEYS, model, **params)


def test_without_keys_and_without_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    assert "tianji[aws]" in (made().key_missing or "")
    with pytest.raises(ConfigurationError, match="needs botocore"):
        made(KEYS, aws_profile_name="work")
    with pytest.raises(ConfigurationError, match="needs keys that may take the role"):
        made(aws_role_name="r")


async def test_what_botocore_finds_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Session:
        def __init__(self, profile: str | None) -> None:
            asked.append(profile)

        def set_config_variable(self, name: str, value: str) -> None:
            asked.append((name, value))

        def get_credentials(self) -> Any:
            frozen = SimpleNamespace(access_key="FOUND", secret_key="s", token=None)
            return SimpleNamespace(get_frozen_credentials=lambda: frozen)

    module = ModuleType("botocore.session")
    module.Session = Session  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "botocore", ModuleType("botocore"))
    monkeypatch.setitem(sys.modules, "botocore.session", module)
    aws.chain.cache_clear()
    found = made(aws_profile_name="work", aws_region_name="eu-west-1")
    assert found.awaits is not None
    task = found.awaits()
    assert task is not None
    await task
    assert found.awaits() is None
    assert b"Credential=FOUND/" in signature(found)[b"authorization"]
    assert asked == ["work", ("region", "eu-west-1")]
    aws.chain.cache_clear()
