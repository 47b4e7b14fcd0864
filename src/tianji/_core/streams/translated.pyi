from collections.abc import Iterable
from typing import Protocol, type_check_only

from typing_extensions import disjoint_base

from tianji._core.streams.events import EventStream
from tianji.protocol.chat.seam import EventDecoder, EventEncoder

@type_check_only
class _Framer(Protocol):
    def feed(self, data: bytes) -> Iterable[tuple[str, bytes]]: ...

@disjoint_base
class TranslatedStream(EventStream):
    def __init__(
        self,
        decoder: EventDecoder,
        encoder: EventEncoder,
        model: str,
        framer: _Framer | None = None,
        content_type: bytes | None = None,
    ) -> None: ...
