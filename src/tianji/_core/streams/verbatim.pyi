from typing_extensions import disjoint_base

from tianji._core.streams.events import EventStream

@disjoint_base
class VerbatimStream(EventStream): ...
