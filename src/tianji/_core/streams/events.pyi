from typing_extensions import disjoint_base

from tianji._core.streams.stream import AnswerStream

@disjoint_base
class EventStream(AnswerStream): ...
