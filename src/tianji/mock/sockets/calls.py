"""Calls over WebRTC as far as they are HTTP and WebSockets: an offer gets an answer, but nobody sends sound there.

Each socket of a call (`/realtime?call_id=`) hears all that the model says in it and may speak to it, so a test's own
socket stands for the page. https://developers.openai.com/api/docs/guides/realtime-server-controls
"""

import itertools
import re
from typing import Protocol

import msgspec

from tianji.errors import InvalidRequest, ObjectNotFound
from tianji.mock import forms
from tianji.mock.faults import Faults
from tianji.mock.http import Request
from tianji.mock.script import Answer
from tianji.mock.sockets.dialogue import Dialogue

_PATH = re.compile(r".*/realtime/calls(?:/([^/]+)/(hangup))?")
_SECRET = "Bearer ek_mock_"  # noqa: S105  how secrets of this mock begin; the model follows
SDP = b"application/sdp"
ANSWER = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=mock\r\nt=0 0\r\n"


class Listener(Protocol):
    """A socket of a call."""

    def tell(self, text: bytes) -> None:
        """Say something that the model has said."""

    def part(self) -> None:
        """Say goodbye: the call is over."""


class Call(Dialogue):
    """One call. What follows what one of its sockets says, all of them hear."""

    def __init__(self, model: str) -> None:
        super().__init__(model, Faults(), beta=False)
        self.listeners: list[Listener] = []

    def say(self, text: bytes) -> None:
        """Have the model answer an event. Raises InvalidRequest and MalformedJSON."""
        for event in self.listen(text):
            told = self.numbered(event)
            for listener in tuple(self.listeners):
                listener.tell(told)


class Calls:
    """All calls of one mock that are not over, by id."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._numbers = itertools.count(1)

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether a path is one of those here."""
        return _PATH.fullmatch(path) is not None

    def find(self, name: str) -> Call:
        """Return a call. Raises ObjectNotFound."""
        found = self._calls.get(name)
        if found is None:
            raise ObjectNotFound("No session found for the provided call_id", code="call_id_not_found")
        return found

    def answer(self, request: Request) -> Answer:
        """Answer a request. Raises a TianjiError for what makes no sense."""
        found = _PATH.fullmatch(request.head.path)
        if found is not None and found[2]:
            call = self.find(found[1])
            del self._calls[found[1]]
            for listener in tuple(call.listeners):
                listener.part()
            return Answer(body=b"")
        name = f"rtc_mock_{next(self._numbers)}"
        self._calls[name] = Call(_model(request))
        place = f"/v1/realtime/calls/{name}".encode()
        return Answer(status=201, body=ANSWER, content_type=SDP, headers=((b"location", place),))


def _model(request: Request) -> str:
    """Return the model that is called. Raises InvalidRequest where nobody says it."""
    if forms.is_form(request):
        form = forms.read(request)
        session = msgspec.json.decode(form.text("session", "{}"))
        said, offer = session.get("model"), form.text("sdp")
        if session.get("type") == "transcription":
            said = session["audio"]["input"]["transcription"]["model"]
    else:
        offer = request.body.decode()
        said = request.head.authorization.removeprefix(_SECRET)
    if not offer.startswith("v=0"):
        raise InvalidRequest("The offer is no SDP", param="sdp")
    if not said:
        raise InvalidRequest("Missing required parameter: 'session.model'", param="session.model")
    return str(said)
