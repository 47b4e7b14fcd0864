from collections.abc import Callable
from typing import final

from tianji._core.upstreams.receiver import ResponseHandler
from tianji.errors import UpstreamFailure

@final
class Callbacks(ResponseHandler):
    def __init__(
        self,
        *,
        head: Callable[[int, list[tuple[bytes, bytes]]], object],
        data: Callable[[bytes], object],
        end: Callable[[], object],
        failed: Callable[[UpstreamFailure], object],
    ) -> None: ...
