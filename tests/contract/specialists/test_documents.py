"""Documents that are read: Mistral's form for every vendor of it, and Reducto's tasks."""

import base64
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.contract.harness import Gateway, eventually
from tests.contract.specialists.test_pictures import fields
from tests.fakes.vendors import Answer, Vendors, plain

FIXTURES = Path(__file__).parents[1] / "fixtures"
REDUCTO = json.loads((FIXTURES / "reducto" / "parsed.json").read_bytes())
MISTRAL = json.loads((FIXTURES / "mistral" / "ocr.json").read_bytes())["answer"]
COST = "x-litellm-response-cost"
LINK = {"type": "document_url", "document_url": "https://x.example/a.pdf"}
INSIDE = f"data:application/pdf;base64,{base64.b64encode(b'%PDF').decode()}"
JOB = f"/job/{REDUCTO['made']['job_id']}"
CANCEL = f"/cancel/{REDUCTO['made']['job_id']}"


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        yield running


@pytest.fixture(scope="module")
def serving(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    at = {"api_base": vendors.url, "api_key": "k"}
    models = {
        "mistral": {"model": "mistral/mistral-ocr-latest", **at, "api_base": f"{vendors.url}/v1"},
        "reducto": {"model": "reducto/parse-v3", **at},
        "legacy": {"model": "reducto/parse-legacy", **at},
        "lenient": {"model": "reducto/parse-v3", "drop_params": True, **at},
    }
    config = {
        "model_list": [{"model_name": name, "litellm_params": params} for name, params in models.items()],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("documents"), edge=edge) as running:
        yield running


@pytest.fixture
def gateway(serving: Gateway, vendors: Vendors) -> Gateway:
    vendors.reset()
    vendors.say("/v1/ocr", plain(MISTRAL))
    vendors.say("/upload", plain(REDUCTO["uploaded"]))
    vendors.say("/parse_async", plain(REDUCTO["made"]))
    vendors.say(JOB, plain(REDUCTO["pending"]), plain(REDUCTO["completed"]))
    vendors.say(CANCEL, plain({}))
    return serving


def read(gateway: Gateway, model: str, document: Any = LINK, path: str = "/v1/ocr", **more: Any) -> Any:
    return gateway.post(path, {"model": model, "document": document, **more})


def send(gateway: Gateway, model: str, name: str = "a.pdf", kind: str = "application/pdf", **more: str) -> Any:
    return gateway.client.post("/ocr", files={"file": (name, b"%PDF", kind)}, data={"model": model, **more})


@pytest.mark.parametrize("path", ["/v1/ocr", "/ocr"])
def test_mistral_reads_what_lies_elsewhere(gateway: Gateway, vendors: Vendors, path: str) -> None:
    answer = read(gateway, "mistral", path=path, pages=[0, 1], include_image_base64=True)
    assert answer.json() == {**MISTRAL, "model": "mistral"}
    asked = vendors.last("/v1/ocr")
    model = {"model": "mistral-ocr-latest"}
    assert asked.json == {**model, "document": LINK, "pages": [0, 1], "include_image_base64": True}
    assert asked.headers["authorization"] == "Bearer k"
    assert Fraction(answer.headers[COST]) == 2 * Fraction("0.004")


def test_mistral_reads_a_file(gateway: Gateway, vendors: Vendors) -> None:
    assert send(gateway, "mistral", pages="[0]", image_limit="3").status_code == 200
    assert vendors.last("/v1/ocr").json == {
        "model": "mistral-ocr-latest",
        "document": {"type": "document_url", "document_url": INSIDE},
        "pages": [0],
        "image_limit": 3,
    }
    assert send(gateway, "mistral", "a.png", "application/octet-stream").status_code == 200
    document = vendors.last("/v1/ocr").json["document"]
    assert document["image_url"].startswith("data:image/png;base64,")


def test_what_is_drawn_from_a_document_costs_too(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/v1/ocr", plain({**MISTRAL, "document_annotation": '{"a":1}'}))
    answer = read(gateway, "mistral")
    assert Fraction(answer.headers[COST]) == 2 * Fraction("0.004") + 2 * Fraction("0.005")


@pytest.mark.parametrize("model", ["mistral", "reducto"])
@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"type": "file", "file": "/etc/passwd"},
        {"type": "file", "file_id": "another-tenants"},
        {"type": "document_url", "document_url": "reducto://another-tenants.pdf"},
        {"type": "document_url", "document_url": "jobid://another-tenants"},
        {"type": "image_url", "image_url": {"url": 7}},
        {"type": "image_url"},
    ],
)
def test_what_nobody_may_name(gateway: Gateway, vendors: Vendors, model: str, document: Any) -> None:
    answer = read(gateway, model, document)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "document")
    assert vendors.asked == []


def test_reducto_reads_what_lies_elsewhere(gateway: Gateway, vendors: Vendors) -> None:
    answer = read(gateway, "reducto", pages=[0, 3], settings={"ocr_system": "standard"})
    assert answer.json() == {
        "object": "ocr",
        "model": "reducto",
        "pages": [
            {"index": 0, "markdown": "# One\n\ntext", "images": [], "dimensions": None},
            {"index": 1, "markdown": "two", "images": [], "dimensions": None},
        ],
        "usage_info": {"pages_processed": 2, "credits": 2.5, "doc_size_bytes": None},
    }
    asked = vendors.last("/parse_async")
    assert asked.json == {
        "input": LINK["document_url"],
        "settings": {"page_range": [1, 4], "ocr_system": "standard"},
    }
    assert asked.headers["authorization"] == "Bearer k"
    assert Fraction(answer.headers[COST]) == Fraction("2.5") * Fraction("0.015")
    assert read(gateway, "legacy").status_code == 200
    assert vendors.last("/parse_async").json == {"document_url": LINK["document_url"]}


def test_reducto_is_sent_what_the_request_holds(gateway: Gateway, vendors: Vendors) -> None:
    link = {"type": "image_url", "image_url": INSIDE}
    for ask in (lambda: send(gateway, "reducto"), lambda: read(gateway, "reducto", link)):
        vendors.reset()
        assert ask().status_code == 200
        sent = vendors.last("/upload")
        assert (fields(sent.body), b"content-type: application/pdf\r\n\r\n%PDF\r\n" in sent.body) == ({}, True)
        assert vendors.last("/parse_async").json == {"input": REDUCTO["uploaded"]["file_id"]}
    assert CANCEL not in [asked.path for asked in vendors.asked]


def test_reducto_lacks_some_of_the_form(gateway: Gateway, vendors: Vendors) -> None:
    for more in ({"include_image_base64": True}, {"pages": []}, {"pages": "all"}):
        answer = read(gateway, "reducto", **more)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(more)))
    broken = {"type": "document_url", "document_url": "data:application/pdf,%25PDF"}
    assert read(gateway, "reducto", broken).json()["error"]["param"] == "document"
    assert vendors.asked == []
    assert read(gateway, "lenient", include_image_base64=True, pages="all").status_code == 200
    assert vendors.last("/parse_async").json == {"input": LINK["document_url"]}


def test_a_result_that_lies_in_a_store(gateway: Gateway, vendors: Vendors) -> None:
    whole = REDUCTO["completed"]["result"]
    for stored in (whole["result"], whole["result"]["chunks"]):
        result = {"type": "url", "url": f"{vendors.url}/stored", "result_id": "r"}
        vendors.say(JOB, plain({"status": "Completed", "result": {**whole, "result": result}}))
        vendors.say("/stored", plain(stored))
        assert len(read(gateway, "reducto").json()["pages"]) == 2
        assert "authorization" not in vendors.last("/stored").headers
    result["url"] = "http://127.0.0.1:1/x"
    vendors.say(JOB, plain({"status": "Completed", "result": {**whole, "result": result}}))
    assert read(gateway, "reducto").status_code == 502
    eventually(lambda: CANCEL in [asked.path for asked in vendors.asked], "it is given up")


def test_a_document_that_cannot_be_read(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say(JOB, plain(REDUCTO["failed"]))
    answer = read(gateway, "reducto")
    assert answer.status_code >= 500
    assert "reducto: the task failed: the document has a password" in answer.json()["error"]["message"]
    vendors.say(JOB, Answer(b"\xff"))
    assert read(gateway, "reducto").status_code == 502
    eventually(lambda: CANCEL in [asked.path for asked in vendors.asked], "what is not known to have ended is given up")
    vendors.say("/upload", plain({"detail": "too large"}, 413))
    answer = send(gateway, "reducto")
    assert (answer.status_code, "too large" in answer.text) == (413, True)


def test_who_leaves_cancels_the_task(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say(JOB, plain(REDUCTO["pending"]))
    body = json.dumps({"model": "reducto", "document": LINK}).encode()
    with gateway.connect() as client:
        head = f"POST /v1/ocr HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        eventually(lambda: any(asked.path == JOB for asked in vendors.asked), "it is looked at")
    eventually(lambda: any(asked.path == CANCEL for asked in vendors.asked), "it is cancelled")
    assert vendors.last(CANCEL).method == "POST"
