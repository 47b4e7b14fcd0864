from typing_extensions import disjoint_base

from tianji._core.asked import Asked

@disjoint_base
class Hedged(Asked):
    @property
    def deployment_id(self) -> str | None: ...
    def hedge(self) -> None: ...
