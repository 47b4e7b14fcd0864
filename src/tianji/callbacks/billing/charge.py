"""What is told of a key, a model and a day."""

from datetime import date

from msgspec import Struct


class Charge(Struct, frozen=True, kw_only=True):
    """The sum of the requests of a key to a model on one day, in UTC. spend: US dollars."""

    day: date
    key: str
    model: str
    model_group: str
    provider: str
    spend: float
    requests: int
    tokens: int
    key_alias: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    organization_id: str | None = None
    organization_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
