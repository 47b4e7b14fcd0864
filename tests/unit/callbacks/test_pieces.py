"""Requests to destinations."""

import pytest
from tests.fakes.ears import Ears

from tianji.callbacks.post import PIECE, Post
from tianji.callbacks.sink import Delivery


@pytest.mark.parametrize("size", [0, PIECE, PIECE + 1, 5 * PIECE // 2])
async def test_a_body_of_any_length_arrives_whole_over_one_connection(size: int) -> None:
    post = Post()
    with Ears() as ears:
        for _ in range(2):
            assert await post.send(Delivery(f"{ears.url}/log", b"n" * size, {"x-own": "y"})) == 200
        await post.close()
    assert [(headers["content-length"], headers["x-own"], body) for _, headers, body in ears.heard] == [
        (str(size), "y", "n" * size)
    ] * 2
    assert all("transfer-encoding" not in headers for _, headers, _ in ears.heard)
