"""Finding an upstream for a conversation: attempt after attempt, as the course of its request says."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from tianji._core.requests.session import Session
from tianji._core.routing.router import Deployment
from tianji.errors import TianjiError
from tianji.gateway.attempts.course import Course, Step

Found = TypeVar("Found")


class LostSecretError(Exception):
    """The upstream that made a client's secret is not the one that was found."""


async def seek(session: Session, course: Course, call: Callable[[Deployment], Awaitable[Found]]) -> Found:
    """Return what `call` returns for the first deployment that answers. Raises the error of the request."""
    while True:
        step = course.next(time.monotonic())
        if step.error is not None:
            raise step.error
        if step.seconds >= 0:
            await asyncio.sleep(step.seconds)
            continue
        if step.position < 0:
            step = await _in_line(session, course, step)
        try:
            return await call(session.take(step))
        except TianjiError as error:
            session.failed(error)
            course.failed(error, None, time.monotonic())


class _Waiter:
    """A conversation that waits for a slot."""

    def __init__(self, session: Session, course: Course) -> None:
        self._session = session
        self._course = course
        self.position: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def wake(self, now: float) -> bool:
        """Take a slot if there is one; whether it did."""
        if self.position.done():
            return False
        position = self._session.group.selection.choose(self._session.needs, now)
        if position < 0:
            return False
        self.position.set_result(position)
        return True

    def turned_away(self, reason: str, _now: float) -> None:
        """Hear that the wait was in vain."""
        if not self.position.done():
            self.position.set_exception(self._course.turned_away(reason))


async def _in_line(session: Session, course: Course, step: Step) -> Step:
    waiter = _Waiter(session, course)
    place = course.stand_in_line(waiter, time.monotonic())
    try:
        return msgspec.structs.replace(step, position=await waiter.position)
    finally:
        place.cancel()
