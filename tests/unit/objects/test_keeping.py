"""What providers with files of their own say of them, as OpenAI says it."""

from typing import Any

import pytest

from tianji.errors import UpstreamProtocolError
from tianji.objects.keeping import KEEPING

CLAUDES, GOOGLES = KEEPING["anthropic"], KEEPING["google"]


@pytest.mark.parametrize(
    ("state", "status"), [("ACTIVE", "processed"), ("PROCESSING", "uploaded"), ("FAILED", "error"), (None, "processed")]
)
def test_states_of_googles(state: str | None, status: str) -> None:
    said = GOOGLES.told({"file": {"uri": "https://g/v1beta/files/a", "state": state, "sizeBytes": "12"}})
    assert (said["status"], said["bytes"], said["id"]) == (status, 12, "https://g/v1beta/files/a")
    assert (said["created_at"], "expires_at" in said) == (0, False)


@pytest.mark.parametrize("answer", [{}, {"id": ""}, {"id": 7}, {"file": []}, {"uri": None}])
def test_what_names_no_file_is_not_believed(answer: dict[str, Any]) -> None:
    for keeping in (CLAUDES, GOOGLES):
        with pytest.raises(UpstreamProtocolError, match="names no file"):
            keeping.told(answer)


@pytest.mark.parametrize("size", [-1, "x", "²", None, 1.5, True])
def test_a_size_that_is_none_is_zero(size: object) -> None:
    assert CLAUDES.told({"id": "file_1", "size_bytes": size})["bytes"] == 0
    assert GOOGLES.told({"uri": "u", "sizeBytes": size})["bytes"] == 0


def test_names_cannot_leave_their_place() -> None:
    assert CLAUDES.asking("GET", "a/../b?c", content=False).path == "/v1/files/a%2F..%2Fb%3Fc"
    assert GOOGLES.asking("DELETE", "https://g/v1beta/files/a?b", content=False).path == "/v1beta/files/a%3Fb"
    content = GOOGLES.asking("GET", "https://g/v1beta/files/a", content=True)
    assert (content.path, content.query) == ("/v1beta/files/a:download", "alt=media")
