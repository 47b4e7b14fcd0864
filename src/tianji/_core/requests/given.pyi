from collections.abc import Callable
from typing import Any, final

from tianji._core.edges.exchange import Exchange, Handler

@final
class Given(Handler):
    def __init__(self, handler: Handler, mark: bytes, replace: Callable[[Exchange, Any], bool]) -> None: ...
