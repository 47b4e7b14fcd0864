from collections.abc import Callable, Hashable
from typing import Any, final

from typing_extensions import disjoint_base

from tianji._core.bodies.frames import Form, Frames, Sighting
from tianji._core.bodies.names import Names
from tianji._core.requests.passing import Passing
from tianji._core.routing.router import Plan
from tianji._core.streams.retold import Flow
from tianji._core.streams.stream import AnswerStream
from tianji.protocol.chat.seam import Inbound, Outbound

@final
class Telling:
    def __init__(
        self,
        form: Form | None,
        settled: Hashable,
        names: Names | None,
        now: Callable[[], float] | None,
        flow: Flow | None = None,
    ) -> None: ...
    @property
    def form(self) -> Form | None: ...
    @property
    def flow(self) -> Flow | None: ...

@final
class Written:
    def __init__(self, inbound: Inbound, outbound: Outbound, target: str, begun: bytes, answers: Telling) -> None: ...
    @property
    def inbound(self) -> Inbound: ...
    @property
    def outbound(self) -> Outbound: ...
    @property
    def target(self) -> str: ...
    @property
    def begun(self) -> bytes: ...
    @property
    def answers(self) -> Telling: ...
    @property
    def takes_lists(self) -> bool: ...

@final
class Known:
    def __init__(self, filtered: bool, names: Names | None, now: Callable[[], float] | None) -> None: ...
    @property
    def filtered(self) -> bool: ...
    @property
    def names(self) -> Names | None: ...
    @property
    def now(self) -> Callable[[], float] | None: ...

@disjoint_base
class RememberedAnswers:
    def __init__(
        self,
        frames: Frames,
        dialect: str,
        protocol: str | None,
        doubts: tuple[bytes, ...] = (),
        beside: Callable[[bytes], Hashable] | None = None,
    ) -> None: ...
    @property
    def frames(self) -> Frames: ...
    @property
    def dialect(self) -> str: ...
    @property
    def protocol(self) -> str | None: ...
    def read(
        self, sighting: Sighting | None, inbound: Inbound, outbound: Outbound, model: bytes, body: bytes
    ) -> tuple[bytes, bytes, bool]: ...
    def stream(
        self, inbound: Inbound, outbound: Outbound, model: bytes, content_type: bytes
    ) -> AnswerStream | None: ...

@disjoint_base
class RememberedRequests:
    def __init__(
        self,
        teller: RememberedAnswers,
        form: Form | None,
        arrays: bool,
        sign: Callable[[str, bytes], Any] | None,
        mark: bytes | None = None,
    ) -> None: ...
    @property
    def teller(self) -> RememberedAnswers: ...
    @property
    def form(self) -> Form | None: ...
    def drops(self, plan: Plan, sought: Any) -> bool: ...
    def read(
        self, plan: Plan, sought: Any, model: bytes, sighting: Sighting | None, drops: bool, as_array: bool
    ) -> Written: ...
    def send(self, written: Written, plan: Plan, head: bytes, body: bytes) -> bytes | list[bytes]: ...
    def begin(self, plan: Plan, sought: Any, model: bytes, head: bytes) -> Translated: ...
    def begin_marked(self, plan: Plan, sought: Any, model: bytes, head: bytes, as_array: bool) -> Translated: ...
    def under_way(self, written: Written, request: bytes | list[bytes], sought: Any) -> Translated: ...

@final
class Translated(Passing): ...

def wants_array(sought: Any) -> bool: ...
