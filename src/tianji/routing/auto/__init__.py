"""From what a request says to the model group that serves it: by rules, by meaning, by complexity.

What makes the routers is in `compile`, which is loaded where a configuration has some.
"""

from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import AutoRouter, Decision
from tianji.routing.auto.surroundings import Surroundings

__all__ = ["AutoRouter", "Content", "Decision", "Surroundings"]
