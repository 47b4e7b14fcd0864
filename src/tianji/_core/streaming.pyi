from typing_extensions import disjoint_base

from tianji._core.answering import Answering

@disjoint_base
class Streaming(Answering): ...
