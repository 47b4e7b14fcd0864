from typing import final

from tianji._core.exchange import Exchange

@final
class SilentExchange(Exchange):
    def __init__(self, original: Exchange, body: bytes) -> None: ...
