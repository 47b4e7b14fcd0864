from typing_extensions import disjoint_base

from tianji._core.caching.cached import Cached

@disjoint_base
class Streaming(Cached): ...
