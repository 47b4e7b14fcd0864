"""Who is asked before keys are: code of the operator's own, an identity provider, a proxy in front of the gateway."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tianji._core.edges.exchange import Exchange
from tianji.auth.gate import Doorman
from tianji.auth.identity import Identity
from tianji.auth.models import Groups
from tianji.auth.routes import Row
from tianji.auth.rules import Rules
from tianji.config.schema import GeneralSettings
from tianji.lazy import load
from tianji.storage.store import Store

if TYPE_CHECKING:
    from tianji.auth.described import Descriptions

ClaimsJudge = Callable[[Mapping[str, Any]], Awaitable[None]]


class Doorkeeping:
    """Hires doormen. `folder`: in which the files of the configuration lie; `groups`: its access groups."""

    def __init__(self, folder: Path, store: Store, groups: Callable[[], Groups]) -> None:
        self._folder = folder
        self._store = store
        self._groups = groups
        self._judging: tuple[Any, ClaimsJudge | None] = (None, None)

    def doorman(self, general: GeneralSettings, environ: Mapping[str, str]) -> Doorman | None:
        """Return who is asked under a configuration; None where keys alone count. Raises Unusable."""
        found = [*self._code(general), *self._servers(general, environ), *self._proxies(general)]
        if not found:
            return None
        return found[0] if len(found) == 1 else InTurn(found)

    def claims_judge(self, general: GeneralSettings) -> ClaimsJudge | None:
        """Return what is asked of the claims of a token, the same for the same code. Raises Unusable.

        None where nobody has a word on them.
        """
        name = general.litellm_jwtauth.custom_validate
        code = None if name is None else load("tianji.hooks.roles").judge(self._folder, name)
        if code is not self._judging[0]:
            judge = partial(load("tianji.hooks.callers").require_claims, name, self._folder.resolve(), code)
            self._judging = code, None if code is None else judge
        return self._judging[1]

    def _code(self, general: GeneralSettings) -> "list[Doorman]":
        name, mode = general.custom_auth, general.custom_auth_settings.get("mode")
        if name is None or mode in ("off", False):  # which is what YAML makes of a bare off
            return []
        code = load("tianji.hooks.roles").judge(self._folder, name)
        return [
            load("tianji.hooks.callers").OwnCallers(
                name,
                code,
                self._folder.resolve(),
                self._descriptions(),
                stored=general.custom_auth_run_common_checks,
                optional=mode == "auto",
            )
        ]

    def _servers(self, general: GeneralSettings, environ: Mapping[str, str]) -> "list[Doorman]":
        if not general.enable_oauth2_auth:
            return []
        introspection = load("tianji.auth.introspection")
        whom = introspection.server(environ)
        errands, descriptions = load("tianji.egress.errands").Errands([whom.url]), self._descriptions()
        return [introspection.Introspection(whom, errands, descriptions, signed=general.enable_jwt_auth)]

    def _proxies(self, general: GeneralSettings) -> "list[Doorman]":
        if not general.enable_oauth2_proxy_auth:
            return []
        headers = {name: str(header) for name, header in general.oauth2_config_mappings.items()}
        return [load("tianji.auth.proxied").ProxiedCallers(headers, Rules(general), self._descriptions())]

    def _descriptions(self) -> "Descriptions":
        found: Descriptions = load("tianji.auth.described").Descriptions(self._store, self._groups)
        return found


class InTurn:
    """Several doormen: the first that knows who sent a request counts."""

    def __init__(self, doormen: "list[Doorman]") -> None:
        self._doormen = doormen

    async def __call__(self, exchange: Exchange, credential: bytes | None, row: Row) -> Identity | bytes | None:
        """Say who sent a request, see Doorman."""
        changed = None
        for doorman in self._doormen:
            said = await doorman(exchange, credential if changed is None else changed, row)
            if isinstance(said, Identity):
                return said
            changed = said or changed
        return changed
