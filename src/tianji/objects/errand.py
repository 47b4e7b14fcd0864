"""One request for what upstreams keep: who makes it, by which row, and what it names."""

from collections.abc import Mapping

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.auth.owners import owner_of
from tianji.objects.desk import Desk
from tianji.objects.naming import Asking
from tianji.objects.rows import Row


class Errand:
    """What those know who serve one."""

    def __init__(self, desk: Desk, row: Row, exchange: Exchange, params: Mapping[str, str]) -> None:
        if not isinstance(exchange.identity, Identity):
            raise TypeError("what upstreams keep is somebody's: such a request needs a caller")
        self._desk = desk
        self._row = row
        self._exchange = exchange
        self._params = params
        self._caller = exchange.identity
        self._owner = owner_of(exchange.identity)
        self._asking = Asking(desk.seal, exchange.identity)
