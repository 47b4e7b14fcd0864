"""Where deployments of the database may lie, and log in."""

import pytest

from tianji.config.schema import Config, ModelParams
from tianji.gateway.additions.destinations import admissible

KEYS = {"aws_access_key_id": "A", "aws_secret_access_key": "s", "aws_role_name": "arn:aws:iam::1:role/r"}


def judged(**params: object) -> str | None:
    written = {"model": "bedrock/m", **KEYS, **params}
    return admissible(Config(), {})(ModelParams(model="bedrock/m", written=written))


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://127.0.0.1:1/"])
@pytest.mark.parametrize("name", ["api_base", "aws_sts_endpoint"])
def test_addresses_have_to_be_public(name: str, url: str) -> None:
    assert "provider_url_destination_allowed_hosts" in (judged(**{name: url}) or "")
    assert judged(**{name: "https://sts.example.com/"}) is None


def test_a_provider_of_ones_own_cannot_be_named() -> None:
    params = ModelParams(model="mine/m", written={"model": "mine/m"})
    assert "no provider for model" in (admissible(Config(), {})(params) or "")
