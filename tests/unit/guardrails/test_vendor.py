"""What a type's row says about those that it makes."""

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Occasion, Params, Type, reach_of
from tianji.guardrails.verdict import Allow, Verdict

KIND = Type(names=("x",), params=Params, look=lambda params, surroundings: look, reach=3)


def look(content: Content, occasion: Occasion) -> Verdict:
    return Allow()


class Looking:
    """One whose reach follows from its parameters."""

    def __init__(self, reach: int | None) -> None:
        self.reach = reach

    def __call__(self, content: Content, occasion: Occasion) -> Verdict:
        return Allow()


def test_a_look_of_its_own_reach_goes_before_its_type() -> None:
    assert reach_of(KIND, look) == 3
    assert reach_of(KIND, Looking(7)) == 7
    assert reach_of(KIND, Looking(None)) is None
