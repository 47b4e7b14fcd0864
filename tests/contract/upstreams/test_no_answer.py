"""Upstreams that close early or answer with nothing: whatever both sides speak, the client hears whose fault it is."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model
from tests.contract.upstreams.broken_answers import BEGUN, CUT, EVENTS, FORMS, PAIRS, SILENT, STREAMED, WHOLE, answer

SPARE = "spare"


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url

    def model(name: str, upstream: str, at: str = base) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": upstream, "api_base": at, "api_key": "odd+Key/of=Nobody"},
        }

    config = {
        "model_list": [
            model("openai", "openai/up", f"{base}/v1"),
            model("openai-responses", "openai/responses/up", f"{base}/v1"),
            model("anthropic", "anthropic/claude-up"),
            model("gemini", "gemini/gem-up", f"{base}/v1beta"),
            model("cohere", "cohere/embed-up"),
            openai_model(SPARE, "spare-up", base),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("none"), edge=edge) as running:
        yield running


def ask(gateway: Gateway, form: str, model: str, *, stream: bool, **more: Any) -> httpx.Response:
    path, body = FORMS[form](model, stream)
    return gateway.post(path, body | more)


def provider_of(model: str) -> str:
    return model.partition("-")[0]


def said_of(form: str, error: dict[str, Any], status: int = 502) -> str:
    """Return the message of an error in the shape of a dialect."""
    if form == "messages":
        assert (error["type"], error["error"]["type"]) == ("error", "api_error")
        return str(error["error"]["message"])
    found = error["error"]
    if form == "gemini":
        assert (found["code"], found["status"]) == (status, "UNAVAILABLE" if status == 502 else "INTERNAL")
    else:
        kind = "upstream_error" if status == 502 else "internal_server_error"
        assert (found["type"], found["code"]) == (kind, str(status))
    return str(found["message"])


ROWS = [
    pytest.param(
        form,
        model,
        stream,
        fault,
        500 if name in SILENT else 502,
        id=f"{form} of {model}-{'streamed' if stream else 'whole'}-{name}",
    )
    for form, model in PAIRS
    for stream in ((False,) if form == "embeddings" else (False, True))
    for name, fault in (STREAMED if stream else WHOLE).items()
]


@pytest.mark.parametrize(("form", "model", "stream", "fault", "status"), ROWS)
def test_no_answer_is_a_failure_of_its_provider(
    gateway: Gateway, mock: Mock, form: str, model: str, stream: bool, fault: dict[str, Any], status: int
) -> None:
    """502 for what is broken; where no answer began there is none to be broken, and that is LiteLLM's 500."""
    mock.control(fault)
    refused = ask(gateway, form, model, stream=stream)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/json"
    assert said_of(form, refused.json(), status).startswith(provider_of(model))


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize(("form", "model"), [pair for pair in PAIRS if pair[0] != "embeddings"])
def test_a_stream_that_does_not_end_ends_in_an_error(
    gateway: Gateway, mock: Mock, form: str, model: str, name: str
) -> None:
    mock.control(answer(BEGUN[model] + CUT[name], EVENTS))
    cut = ask(gateway, form, model, stream=True)
    assert cut.status_code == 200
    assert "hi" in cut.text
    *_, last = [line[6:] for line in cut.text.splitlines() if line.startswith("data: ")]
    assert last != "[DONE]"
    error = json.loads(last)
    if form == "responses":
        assert error["type"] == ("error" if model == "openai-responses" else "response.failed")
        said = error if error["type"] == "error" else error["response"]["error"]
        assert said["message"].startswith(provider_of(model))
    else:
        assert said_of(form, error).startswith(provider_of(model))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "embeddings"])
@pytest.mark.parametrize("name", ["an empty object", "null", "empty", "a page"])
def test_another_model_is_asked_instead(gateway: Gateway, mock: Mock, form: str, stream: bool, name: str) -> None:
    mock.control(WHOLE[name], model="up")
    served = ask(gateway, form, "openai", stream=stream, fallbacks=[SPARE])
    assert served.status_code == 200, served.text
    assert mock.last()["json"]["model"] == "spare-up"


@pytest.mark.parametrize(("form", "model"), PAIRS)
def test_what_is_quoted_holds_no_credentials(gateway: Gateway, mock: Mock, form: str, model: str) -> None:
    said = 'oops odd+Key/of=Nobody {"'
    for stream, fault in ((False, answer(said)), (True, answer(f"data: {said}\n\n", EVENTS))):
        mock.control(fault)
        refused = ask(gateway, form, model, stream=stream)
        assert refused.status_code == 502
        assert "Nobody" not in refused.text
        assert "oops" in refused.text
        mock.reset()
