from typing import final

from tianji._core.bodies.frames import Form, Frames
from tianji._core.bodies.templates import Holed

@final
class Noted:
    def __init__(self) -> None: ...

@final
class Notebook:
    def __init__(self, form: Form, frames: Frames) -> None: ...
    @property
    def frames(self) -> Frames: ...

@final
class Reader(Holed):
    def __init__(self, notebook: Notebook, key: tuple[object, ...]) -> None: ...
