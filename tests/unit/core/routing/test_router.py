"""A group, its deployments and its name in answers."""

import pytest

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.router import Group
from tianji._core.routing.selection import Selection

LABEL = (b"x-litellm-model-group", b"m")


def selection(count: int) -> Selection:
    table = HealthTable(16)
    return Selection("shuffle", Dice(1), [Candidate(table.health(str(i))) for i in range(count)])


def test_a_group_and_its_selection_hold_the_same_deployments() -> None:
    assert Group("m", [], selection(0), LABEL).deployments == []
    with pytest.raises(ValueError, match="same deployments"):
        Group("m", [], selection(1), LABEL)


@pytest.mark.parametrize(
    ("name", "value"),
    [("gpt-4", b"gpt-4"), ("openai/gpt 4", b"openai/gpt 4"), ("a\r\nset-cookie: x", b"m"), ("m\u00fcller", b"m")],
)
def test_the_header_shows_another_name_where_a_header_can(name: str, value: bytes) -> None:
    assert Group("m", [], selection(0), LABEL).label_as(name) == (b"x-litellm-model-group", value)
