"""`tianji --health` and `--test`, as they are typed to ask a gateway that serves."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from tests.contract.harness import Gateway, Mock, openai_model

from tianji.cli import main


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [
            openai_model("m", "m-up", mock_process.url),
            openai_model("away", "a-up", "http://127.0.0.1:1"),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("asking"), edge=edge) as running:
        yield running


def run(gateway: Gateway, *arguments: str, key: str | None = None) -> Result:
    known = gateway.client.headers["authorization"].removeprefix("Bearer ")
    environment = {"LITELLM_MASTER_KEY": known if key is None else key, "PORT": str(gateway.client.base_url.port)}
    return CliRunner().invoke(main, list(arguments), env={**environment, "TIANJI_MASTER_KEY": None})


def test_health_names_the_models_that_answer_and_those_that_do_not(gateway: Gateway) -> None:
    told = run(gateway, "--health")
    found = json.loads(told.output)
    assert (told.exit_code, found["healthy_count"], found["unhealthy_count"]) == (1, 1, 1)


@pytest.mark.parametrize("flags", [[], ["--model", "m"]])
def test_a_model_is_tried_out(gateway: Gateway, flags: list[str]) -> None:
    told = run(gateway, "--test", *flags)
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["choices"][0]["message"]["content"]
    url = str(gateway.client.base_url).rstrip("/")
    for named in (url, f"{url}/v1", f"{url}/chat/completions"):
        assert run(gateway, "--test", named, *flags).exit_code == 0


def test_what_goes_wrong_is_said(gateway: Gateway) -> None:
    told = run(gateway, "--test", "--model", "away")
    assert (told.exit_code, " answered 5" in told.output) == (1, True)
    told = run(gateway, "--health", key="sk-another-key-1234567890")
    assert (told.exit_code, "set LITELLM_MASTER_KEY" in told.output) == (1, True)
    told = run(gateway, "--test", "http://127.0.0.1:1")
    assert (told.exit_code, "http://127.0.0.1:1" in told.output) == (1, True)
