from typing_extensions import disjoint_base

from tianji._core.cached import Cached

@disjoint_base
class Streaming(Cached): ...
