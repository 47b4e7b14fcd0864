"""What the results of a batch of messages come to, read as they come: there may be a hundred thousand of them.

https://docs.anthropic.com/en/api/retrieving-message-batch-results
"""

from collections.abc import Sequence
from itertools import takewhile

import msgspec

from tianji.errors import UpstreamProtocolError
from tianji.gateway.translation.request_lines import LONGEST
from tianji.objects.billing import Bill, rates_of, usage_of
from tianji.objects.places import Place


class Tally:
    """Adds up results by the place of the model that gave them. It is fed with pieces, and None at the end.

    places: one at least; whole: the end was there. Each call returns nothing, for nobody reads along.
    """

    def __init__(self, places: Sequence[Place], when: int) -> None:
        self._places = places
        self._when = when
        self._bills = [Bill() for _ in places]
        self._held = b""
        self.whole = False

    def __call__(self, data: bytes | None) -> bytes:
        """Take a piece. Raises UpstreamProtocolError for a result that nobody can hold."""
        if data is None:
            self.whole = True
            self._line(self._held)
            return b""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LONGEST:
            raise UpstreamProtocolError(f"a result of the batch is over {LONGEST} bytes")
        for line in lines:
            self._line(line)
        return b""

    def bills(self) -> list[tuple[Place, Bill]]:
        """Return what it comes to: the first place always, of the others those that have answered."""
        pairs = list(zip(self._places, self._bills, strict=True))
        return [pairs[0], *(pair for pair in pairs[1:] if pair[1] != Bill())]

    def _line(self, line: bytes) -> None:
        try:
            result = msgspec.json.decode(line)["result"]
            usage, model = usage_of(result["message"])
        except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
            return  # it failed, was cancelled or came too late, and costs nothing
        if usage is not None:
            number = nearest([place.model for place in self._places], model or "")
            self._bills[number].add(usage, rates_of(self._places[number], model), self._when, model)


def nearest(models: Sequence[str | None], answered: str) -> int:
    """Return which of the models has answered: an answer may name what an alias stands for, so its beginning counts.

    models: None for what serves any
    """

    def likeness(number: int) -> tuple[bool, bool, int]:
        name = models[number] or ""
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, answered, strict=False)))
        return name == answered, bool(name) and answered.startswith(name), common

    return max(range(len(models)), key=likeness)
