"""What is told of a key, a model and a day."""

from datetime import date

from msgspec import Struct


class Charge(Struct, frozen=True, kw_only=True):
    """The sum of the requests of a key to a model on one day, in UTC. spend: US dollars.

    cached_tokens and written_tokens: those of prompt_tokens that a provider's cache gave, or took
    """

    day: date
    key: str
    model: str
    model_group: str
    provider: str
    spend: float
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0
    key_alias: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    organization_id: str | None = None
    organization_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def counts(self) -> dict[str, int]:
        """The tokens by their kinds, by the names that programs for bills know from LiteLLM."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cache_read_input_tokens": self.cached_tokens,
            "cache_creation_input_tokens": self.written_tokens,
        }
