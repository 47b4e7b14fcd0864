"""Who has objects made."""

from tests.contract.harness import Gateway


def key(gateway: Gateway, **rules: object) -> str:
    """Make a virtual key."""
    made = gateway.client.post("/key/generate", json=rules)
    assert made.status_code == 200, made.text
    return str(made.json()["key"])
