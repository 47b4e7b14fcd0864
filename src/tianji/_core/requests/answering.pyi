from typing_extensions import disjoint_base

from tianji._core.requests.hedged import Hedged

@disjoint_base
class Answering(Hedged):
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
