"""From what a request says to the model group that serves it: by rules, by meaning, by complexity."""

from tianji.routing.auto.compile import Surroundings, compile_auto_routers
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import AutoRouter, Decision

__all__ = ["AutoRouter", "Content", "Decision", "Surroundings", "compile_auto_routers"]
