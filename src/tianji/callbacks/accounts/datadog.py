"""Where Datadog is, by which key it lets us in, and the tags that say who speaks."""

from typing import Final

from msgspec import Struct

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON
from tianji.callbacks.sink import Given

ACCEPTED: Final = frozenset({202})


class Account(Struct, frozen=True):
    """base: of the address; headers: with the key; names: of source, host and service; tags: of everything."""

    base: str
    headers: dict[str, str]
    names: dict[str, str]
    tags: tuple[str, ...]

    def __repr__(self) -> str:
        """Say where it is, and nothing secret."""
        return f"Account({self.base})"

    def tags_of(self, event: LogEvent) -> list[str]:
        """Return the tags of an event."""
        team = event.metadata.get("user_api_key_team_id")
        own = [f"request_tag:{tag}" for tag in event.tags]
        return [*self.tags, *own, *([f"team:{team}"] if team else [])]


def account(given: Given, host: str, port: tuple[str, str] | None = None) -> Account:
    """Read it of DD_API_KEY and DD_SITE. `host`: of the service, before the site.

    port: the variable and the default of the port at which an agent, LITELLM_DD_AGENT_HOST, serves the same.
    """
    agent = given.optional("dd_agent_host", "LITELLM_DD_AGENT_HOST") if port else ""
    if port and agent:
        base = f"http://{agent}:{given.text('dd_agent_port', port[0], default=port[1])}"
        key = given.optional("dd_api_key", "DD_API_KEY")
    else:
        base = f"https://{host}.{given.text('dd_site', 'DD_SITE')}"
        key = given.text("dd_api_key", "DD_API_KEY")
    names = {
        "ddsource": given.text("dd_source", "DD_SOURCE", default="litellm"),
        "hostname": given.optional("hostname", "HOSTNAME"),
        "service": given.text("dd_service", "DD_SERVICE", default="litellm-server"),
    }
    tags = (
        f"env:{given.text('dd_env', 'DD_ENV', default='unknown')}",
        f"service:{names['service']}",
        f"version:{given.text('dd_version', 'DD_VERSION', default='unknown')}",
        *(f"{name}:{value}" for name in ("HOSTNAME", "POD_NAME") if (value := given.variable(name))),
    )
    url = given.address("dd_base_url", "DD_BASE_URL", default=base)
    return Account(url, JSON | ({"dd-api-key": key} if key else {}), names, tags)


def application_key(given: Given, *, needed: bool) -> dict[str, str]:
    """Return the header of the second key, where there is one. Raises ConfigurationError where one is needed."""
    variables = ("DD_APP_KEY", "DD_APPLICATION_KEY")
    key = given.text("dd_app_key", *variables) if needed else given.optional("dd_app_key", *variables)
    return {"dd-application-key": key} if key else {}
