"""Who is told of requests, through the running gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
SECRET = "the secret word"


@pytest.fixture(scope="module")
def ears() -> Iterator[Ears]:
    with Ears() as listening:
        yield listening


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("callbacks")


def config(mock: str, ears: str) -> dict[str, Any]:
    quiet = {"callback_type": "generic_api", "endpoint": f"{ears}/quiet", "turn_off_message_logging": True}
    away = {"callback_type": "generic_api", "endpoint": "http://127.0.0.1:1/", "headers": {}}
    return {
        "model_list": [openai_model("m", "m-up", mock, **PRICES)],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "callbacks": ["generic_api", "quiet", "away", "humanloop"],
            "success_callback": ["langfuse"],
        },
        "callback_settings": {"quiet": quiet, "away": away},
    }


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, folder: Path) -> Iterator[Gateway]:
    env = {
        **BOOKS,
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.2",
        "GENERIC_LOGGER_ENDPOINT": f"{ears.url}/log",
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk-canary-0815",
        "LANGFUSE_HOST": ears.url,
        "TIANJI_DATA_DIR": str(folder / "data"),
    }
    with Gateway(config(mock_process.url, ears.url), folder, edge=edge, env=env, workers=2) as running:
        yield running


def ask(gateway: Gateway, word: str, **members: object) -> Any:
    return gateway.chat({"model": "m", "messages": [{"role": "user", "content": f"{SECRET} {word}"}], **members})


def heard(ears: Ears, word: str) -> list[dict[str, Any]]:
    return [event for event in ears.events() if word in str(event["messages"])]


def one(ears: Ears, word: str) -> dict[str, Any]:
    eventually(lambda: len(heard(ears, word)) == 1, f"the event of {word}", 30)
    return heard(ears, word)[0]


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_answered_is_told_with_what_it_cost(gateway: Gateway, mock: Mock, ears: Ears, stream: bool) -> None:
    mock.reset()
    answer = ask(gateway, f"answered {stream}", stream=stream, user="ann", temperature=0.5)
    assert answer.status_code == 200
    event = one(ears, f"answered {stream}")
    assert (event["status"], event["model_group"], event["model"], event["end_user"]) == ("success", "m", "m-up", "ann")
    assert event["response_cost"] == pytest.approx(event["prompt_tokens"] * 0.001 + event["completion_tokens"] * 0.002)
    assert event["litellm_call_id"] == answer.headers["x-litellm-call-id"]
    assert event["model_parameters"]["temperature"] == 0.5
    assert event["response"]["choices"][0]["message"]["content"]
    assert event["stream"] is stream


def test_a_failure_is_told_to_who_hears_of_failures(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.control({"status": 400}, model="m-up", times=1)
    assert ask(gateway, "failed").status_code == 400
    event = one(ears, "failed")
    assert (event["status"], event["error_information"]["error_code"]) == ("failure", "400")
    assert ask(gateway, "afterwards").status_code == 200
    one(ears, "afterwards")
    eventually(lambda: "afterwards" in str(ears.heard), "langfuse is told", 30)
    to_langfuse = [body for path, _, body in ears.heard if path == "/api/public/ingestion"]
    eventually(
        lambda: "afterwards" in str([b for p, _, b in ears.heard if p == "/api/public/ingestion"]), "it came", 30
    )
    assert "failed" not in str(to_langfuse)


def test_who_wants_no_log_has_none(gateway: Gateway, ears: Ears) -> None:
    for stream in (False, True):
        assert ask(gateway, "unheard", stream=stream, **{"no-log": True}).status_code == 200
    assert ask(gateway, "next").status_code == 200
    one(ears, "next")
    assert heard(ears, "unheard") == []


def test_a_destination_may_be_told_without_content(gateway: Gateway, ears: Ears) -> None:
    assert ask(gateway, "quietly").status_code == 200
    one(ears, "quietly")
    eventually(lambda: ears.events("/quiet"), "the quiet one is told, too", 30)
    assert SECRET not in str(ears.events("/quiet"))
    assert ears.events("/quiet")[0]["response_cost"] > 0


def test_what_was_said_is_in_no_row_and_no_log(gateway: Gateway, ears: Ears) -> None:
    answer = ask(gateway, "unstored")
    one(ears, "unstored")
    call = {"request_id": answer.headers["x-litellm-call-id"] + "-0"}
    eventually(lambda: gateway.client.get("/spend/logs", params=call).json(), "the row is there", 30)
    assert SECRET not in gateway.client.get("/spend/logs", params=call).text
    assert SECRET not in gateway.log
    assert "canary" not in gateway.log
    assert "callback humanloop: not served by this release" in gateway.log
    eventually(lambda: "callback away does not take events" in gateway.log, "who is away is said", 30)


def test_a_destination_that_fails_gets_what_it_missed(gateway: Gateway, ears: Ears) -> None:
    ears.status = 503
    try:
        assert ask(gateway, "missed").status_code == 200
        eventually(lambda: "callback generic_api does not take events: status 503" in gateway.log, "it is said", 30)
    finally:
        ears.status = 200
    one(ears, "missed")
