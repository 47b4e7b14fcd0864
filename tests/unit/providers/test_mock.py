"""The built-in mock upstream."""

import pytest

from tianji.errors import ConfigurationError
from tianji.providers import build
from tianji.providers.steps.shaping import apply
from tianji.providers.upstream import PATHS


def test_mock() -> None:
    upstream = build({"model": "mock/demo"}, {"TIANJI_MOCK_BASE": "http://127.0.0.1:9/v1"}, drop_params=False)
    assert (upstream.base_url, upstream.model, upstream.headers) == ("http://127.0.0.1:9/v1", "demo", ())
    assert upstream.key_missing is None
    assert upstream.paths == PATHS
    body: dict[str, object] = {"messages": [], "anything": 1, "n": 2}
    assert apply(upstream.shaping, body, label="m") == body
    with pytest.raises(ConfigurationError, match="TIANJI_MOCK_BASE"):
        build({"model": "mock/demo"}, {}, drop_params=False)
