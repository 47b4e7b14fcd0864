import ssl
from collections.abc import Callable
from typing import final

from tianji._core.upstreams.multiplex import Stream

@final
class Origin:
    def __init__(
        self,
        host: str,
        port: int,
        ssl_context: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        *,
        http1: Origin | None = None,
        answers: Callable[[Stream], None] | None = None,
    ) -> None: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def ssl_context(self) -> ssl.SSLContext | None: ...
    @property
    def server_hostname(self) -> str | None: ...
    @property
    def http1(self) -> Origin | None: ...
    @property
    def answers(self) -> Callable[[Stream], None] | None: ...
