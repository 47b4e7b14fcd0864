"""Large bodies through both edges: never held in memory, within their limit, gone with their request."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.memory.readings import forget_peak, peak
from bench.memory.upload import FILES, TRANSCRIPTS, Sink, answer, form, head, upload
from tests.contract.harness import Gateway, Mock, eventually, openai_model

MIB = 1024 * 1024
PIECES = 24  # MiB of a file
TWO = "sink,other"  # places for one file
GROWTH = 12 * MIB  # bytes that a worker may grow by while it takes the file and sends it on

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


@pytest.fixture(scope="module")
def uploading(edge: str, mock_process: Mock, sink: Sink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [
            openai_model("sink", "sink", f"http://{sink.address}"),
            openai_model("other", "other", f"http://{sink.address}"),
            {
                "model_name": "task",
                "litellm_params": {"model": "soniox/m", "api_base": f"http://{sink.address}", "api_key": "k"},
            },
            openai_model("slow", "mock-first-byte-30000", mock_process.url),
        ],
        "router_settings": {"num_retries": 0},
        "general_settings": {"max_file_size_mb": 64},
    }
    with Gateway(config, tmp_path_factory.mktemp("uploads"), edge=edge) as running:
        with running.connect() as client:  # whoever is the first loads the database, however small his file
            upload(client, running.key, {"purpose": "batch", "target_model_names": TWO}, 1, path=FILES)
        with running.connect() as client:  # whose is the first task loads what asks for it
            upload(client, running.key, {"model": "task"}, 1, path=TRANSCRIPTS)
        yield running


@pytest.fixture
def gateway(uploading: Gateway, mock: Mock) -> Gateway:
    return uploading


def kept(process: int) -> list[str]:
    """Return the bodies that a process keeps in files."""
    links = []
    for link in Path(f"/proc/{process}/fd").iterdir():
        try:
            links.append(str(link.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return [link for link in links if "/tianji-" in link and "(deleted)" in link]


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer takes more than what it watches")
@pytest.mark.parametrize(
    ("path", "fields", "chunked"),
    [
        (TRANSCRIPTS, {"model": "sink"}, False),
        (TRANSCRIPTS, {"model": "sink"}, True),
        (TRANSCRIPTS, {"model": "task"}, False),
        (FILES, {"purpose": "user_data", "target_model_names": TWO}, False),
        (FILES, {"purpose": "batch", "target_model_names": TWO}, False),
    ],
    ids=["sized", "chunked", "a task", "a file at two places", "requests at two places"],
)
def test_a_large_file_is_never_held(gateway: Gateway, path: str, fields: dict[str, str], chunked: bool) -> None:
    (worker,) = gateway.workers()
    forget_peak(worker)
    start = peak(worker)
    with gateway.connect() as client:
        said = upload(client, gateway.key, fields, PIECES, path=path, chunked=chunked)
    assert b" 200 " in said
    assert b"%d" % (PIECES * MIB) in said
    assert (peak(worker) - start) * MIB < GROWTH
    eventually(lambda: not kept(worker), "the file is gone")


def test_a_body_over_the_limit_is_refused_before_it_comes(gateway: Gateway, mock: Mock) -> None:
    (worker,) = gateway.workers()
    with gateway.connect() as client:
        client.sendall(head(gateway.key, f"content-length: {65 * MIB}"))
        assert b" 413 " in answer(client)
    assert mock.requests() == []
    assert not kept(worker)


def test_a_body_over_the_limit_is_cut_off_where_its_length_was_not_said(gateway: Gateway) -> None:
    (worker,) = gateway.workers()
    with gateway.connect() as client:
        with contextlib.suppress(OSError):  # it does not read on
            upload(client, gateway.key, {"model": "sink"}, 66, path=TRANSCRIPTS, chunked=True)
        eventually(lambda: not kept(worker), "the file is gone")


def test_the_file_is_gone_with_a_client_that_left_while_it_came(gateway: Gateway) -> None:
    (worker,) = gateway.workers()
    with gateway.connect() as client:
        client.sendall(
            head(gateway.key, f"content-length: {PIECES * MIB}") + form({"model": "sink"}, bytes(2 * MIB))[:-10]
        )
        eventually(lambda: kept(worker), "there is a file")
    eventually(lambda: not kept(worker), "the file is gone")


def test_the_file_is_gone_with_a_client_that_left_the_answer(gateway: Gateway, mock: Mock) -> None:
    (worker,) = gateway.workers()
    body = form({"model": "slow"}, bytes(2 * MIB))
    with gateway.connect() as client:
        client.sendall(head(gateway.key, f"content-length: {len(body)}") + body)
        mock.wait(requests=1)
        assert len(kept(worker)) == 1
    eventually(lambda: not kept(worker), "the file is gone")
    mock.wait(in_progress=0)


def test_who_has_no_key_leaves_nothing(gateway: Gateway) -> None:
    (worker,) = gateway.workers()
    with gateway.connect() as client:
        client.sendall(head("sk-nobody-knows-it", f"content-length: {PIECES * MIB}"))
        assert b" 401 " in answer(client)
        assert not kept(worker)
