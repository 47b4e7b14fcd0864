from typing import final

from tianji._core.bodies.spans import ObjectSpans

@final
class Recipe:
    def __init__(self, counted: frozenset[bytes], ignored: frozenset[bytes] | None = None) -> None: ...
    @property
    def counted(self) -> frozenset[bytes]: ...
    @property
    def ignored(self) -> frozenset[bytes] | None: ...
    def digest(
        self, spans: ObjectSpans, circle: tuple[str, ...], name: bytes | None = None, value: bytes | None = None
    ) -> str: ...
