"""How objects are asked for with OpenAI's client, and for whom."""

import json
import uuid
from typing import Any

import openai
from tests.contract.harness import Gateway

LINES = [
    {
        "custom_id": f"r{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "tenants-name", "messages": [{"role": "user", "content": "x" * 40}]},
    }
    for number in range(5)
]
JSONL = b"".join(json.dumps(line).encode() + b"\n" for line in LINES)


def client_of(gateway: Gateway, secret: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=secret, max_retries=0)


def upload(
    client: openai.OpenAI, model: str | None = "gpt-test", purpose: str = "batch", content: bytes = JSONL
) -> Any:
    """Upload a file to where a model is."""
    extra = {} if model is None else {"target_model_names": model}
    return client.files.create(file=("lines.jsonl", content), purpose=purpose, extra_body=extra)  # type: ignore[arg-type]


def customer(gateway: Gateway, **limits: object) -> str:
    """Make a customer of its own name."""
    name = f"customer {uuid.uuid4()}"
    assert gateway.client.post("/customer/new", json={"user_id": name, **limits}).status_code == 200
    return name
