from typing_extensions import disjoint_base

from tianji._core.events import EventStream

@disjoint_base
class VerbatimStream(EventStream): ...
