"""Vendors of guardrails in their wire forms, on a loopback port: each finds one word, and wants to be asked rightly.

`/presidio`: finds what is `personal`. `/bedrock`: blocks "forbidden", and wants a signature. `/login` and `/graph`:
Microsoft's, which blocks "forbidden" and wants a token; `revoke` ends the one that is out. `/lakera`: knows no key.
"""

from collections.abc import Iterator
from typing import Any

from tests.fakes.json_server import JsonServer

ADDRESS = "ann@x.io"
BLOCKS = {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "Sorry."}]}
WORDS = {"wordPolicy": {"customWords": [{"match": "forbidden", "action": "BLOCKED"}]}}
RESTRICTS = {"action": "restrictAccess", "restrictionAction": "block"}


class GuardVendors(JsonServer):
    """The server. `tokens`: how many were given out; personal: the addresses of persons."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self.personal: tuple[str, ...] = (ADDRESS,)
        self._good = ""

    @property
    def asked(self) -> list[tuple[str, Any]]:
        """Path and document of each call, oldest first."""
        return [(path, document) for _, path, document in self.requests]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and document of an answer."""
        vendor, proof = path.split("/")[1], self.headers[-1].get("authorization", "")
        if vendor == "presidio":
            return 200, list(self._found(body["text"]))
        if vendor == "bedrock":
            blocks = any("forbidden" in block["text"]["text"] for block in body["content"])
            return (200, {**BLOCKS, "assessments": [WORDS]} if blocks else {"action": "NONE"}) if proof else (403, {})
        if vendor == "login":
            self.tokens += 1
            self._good = f"token-{self.tokens}"
            return 200, {"access_token": self._good, "token_type": "Bearer", "expires_in": 3600}
        if vendor == "graph" and proof == f"Bearer {self._good}":
            (entry,) = body["contentToProcess"]["contentEntries"]
            return 200, {"policyActions": [RESTRICTS] if "forbidden" in entry["content"]["data"] else []}
        return 401, {}

    def _found(self, text: str) -> Iterator[dict[str, Any]]:
        for address in self.personal:
            at = text.find(address)
            if at >= 0:
                yield {"entity_type": "EMAIL_ADDRESS", "start": at, "end": at + len(address), "score": 1.0}

    def revoke(self) -> None:
        """Let the token that is out be good no more."""
        self._good = ""

    def reset(self) -> None:
        """Forget what was asked."""
        self.requests.clear()
        self.headers.clear()
        self.personal = (ADDRESS,)
