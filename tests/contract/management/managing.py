"""How tests of management speak to a gateway."""

from typing import Any

import httpx
from tests.contract.harness import Gateway


def ask(gateway: Gateway, method: str, path: str, by: str | None = None, /, **fields: Any) -> httpx.Response:
    """Send fields as the query of a GET, else as the body. by: a key, the gateway's own if it is None."""
    headers = {} if by is None else {"authorization": f"Bearer {by}"}
    if method == "GET":
        return gateway.client.get(path, params=fields, headers=headers)
    return gateway.client.request(method, path, json=fields, headers=headers)


def good(gateway: Gateway, method: str, path: str, by: str | None = None, /, **fields: Any) -> Any:
    """Return what is answered; it was done."""
    answer = ask(gateway, method, path, by, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()
