"""Brings letters beside the requests that they come of."""

import asyncio
from typing import TYPE_CHECKING

from tianji.lazy import load

if TYPE_CHECKING:  # most workers write to nobody
    from tianji.alerts.post import Box
    from tianji.alerts.transports.mail import Letter, Mailer


class Postman:
    """Tries each letter a few times; what does not arrive is logged."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._round: asyncio.Task[None] | None = None

    def send(self, mailer: "Mailer", letter: "Letter") -> None:
        """Have a letter brought."""
        post = load("tianji.alerts.post")
        if self._box is None:
            self._box = post.Box("email", load("tianji.callbacks.post").Post().send)
        self._box.put(mailer(letter) if callable(mailer) else post.Mailing(mailer, letter))
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._box.flush())
