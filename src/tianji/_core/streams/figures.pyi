from typing import final

from tianji._core.bodies.templates import Holed, Template
from tianji._core.streams.usage import Usage

@final
class Figures:
    def __init__(self, output: Template) -> None: ...
    @property
    def silent(self) -> bool: ...
    def usage(self, answer: Holed, now: int) -> Usage | None: ...
