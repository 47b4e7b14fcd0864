"""What tests of who is told of requests share: what they ask, and what was heard of it."""

from typing import Any

from tests.contract.harness import BOOKS, PATIENCE, Gateway, eventually
from tests.fakes.ears import Ears

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
SECRET = "the secret word"


def environment(ears: Ears, **more: str) -> dict[str, str]:
    """Return that of a gateway which tells the ears of every request, and soon."""
    return {
        **BOOKS,
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.2",
        "GENERIC_LOGGER_ENDPOINT": f"{ears.url}/log",
        **more,
    }


def ask(gateway: Gateway, word: str, **members: object) -> Any:
    return gateway.chat({"model": "m", "messages": [{"role": "user", "content": f"{SECRET} {word}"}], **members})


def figure(gateway: Gateway, name: str) -> float:
    """Return what /metrics says of a destination, -1 where it says nothing."""
    lines = gateway.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith(f"tianji_callback_{name} ")]
    return float(found[0].rpartition(" ")[2]) if found else -1.0


def heard(ears: Ears, word: str) -> list[dict[str, Any]]:
    return [event for event in ears.events() if word in str(event["messages"])]


def one(ears: Ears, word: str) -> dict[str, Any]:
    eventually(lambda: len(heard(ears, word)) == 1, f"the event of {word}", PATIENCE)
    return heard(ears, word)[0]
