from collections.abc import Sequence
from typing import final

from tianji._core.upstreams.spool import Extent

@final
class Parcel:
    def __init__(self, parts: list[bytes | Extent]) -> None: ...
    @property
    def parts(self) -> Sequence[bytes | Extent]: ...
