"""What the tests of pass-through look at: the request that the upstream got, what things cost, the ledger."""

import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
from tests.contract.harness import Gateway, Mock, eventually

COST = "x-litellm-response-cost"


def nanos(dollars: str) -> int:
    return round(Fraction(dollars) * 10**9)


def resident(process: int) -> int:
    """Bytes of a process that are in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def spent(gateway: Gateway) -> int:
    """Return what everything cost so far, in nano-dollars."""
    lines = gateway.client.get("/metrics").text.splitlines()
    return sum(nanos(line.split()[-1]) for line in lines if line.startswith("tianji_spend_dollars_total{"))


def rows(gateway: Gateway, answer: httpx.Response) -> list[dict[str, Any]]:
    """Wait until a call is in the ledger."""
    file = gateway.file.parent / "tianji-data" / "tianji.db"

    def there() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            call = (answer.headers["x-tianji-call-id"],)
            return [dict(row) for row in connection.execute("SELECT * FROM ledger WHERE call_id = ?", call)]

    return eventually(there, "the call is in the ledger", 30)


def sent_headers(mock: Mock) -> dict[str, str]:
    return {name.lower(): value for name, value in mock.last()["headers"]}


def new_key(gateway: Gateway, **fields: object) -> dict[str, str]:
    made = gateway.post("/key/generate", fields)
    assert made.status_code == 200, made.text
    return {"authorization": f"Bearer {made.json()['key']}"}
