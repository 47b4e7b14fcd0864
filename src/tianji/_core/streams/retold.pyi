from collections.abc import Callable, Hashable
from typing import Any, TypeAlias, final

from tianji._core.bodies.frames import Form, Frames
from tianji._core.bodies.names import Names
from tianji._core.streams.script import Script
from tianji._core.streams.translated import TranslatedStream
from tianji.protocol.chat.seam import EventDecoder, EventEncoder

_Manner: TypeAlias = tuple[str, bool, bool] | None
_Remark: TypeAlias = tuple[bytes, bytes, tuple[bool, bool, bool, bool, _Manner]]

@final
class Step:
    def __init__(self, alone: bool, spoke: bool, done: bool, finished: bool, manner: _Manner) -> None: ...

@final
class Flow:
    def __init__(
        self,
        begin: Callable[[bytes], tuple[EventDecoder, EventEncoder]],
        learn: Callable[[Flow, Script, list[_Remark]], None],
        form: Form,
        key: tuple[object, ...],
        frames: Frames,
        model: str,
        content_types: tuple[bytes, ...],
        framer: Callable[[], Any] | None = None,
        content_type: bytes | None = None,
        names: Names | None = None,
        now: Callable[[], float] | None = None,
        doubts: tuple[bytes, ...] = (),
        beside: Callable[[bytes], Hashable] | None = None,
    ) -> None: ...
    @property
    def begin(self) -> Callable[[bytes], tuple[EventDecoder, EventEncoder]]: ...
    @property
    def frames(self) -> Frames: ...

@final
class RetoldStream(TranslatedStream):
    def __init__(self, flow: Flow, preface: bytes) -> None: ...

def read_again(flow: Flow, lines: list[tuple[str, str, bytes]]) -> list[_Remark]: ...
