"""From a token to the caller whom it lets in.

He is held to the limits of his user, his team and his organization, as a key of theirs would be, and is remembered as
such a key is: until the token ends, the key that signed it goes, or something above him changes.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.auth import lookup
from tianji.auth.arrivals import Arrival, Welcome
from tianji.auth.compiled import Refusal, Row, compile_record
from tianji.auth.identity import Identity, Role
from tianji.auth.models import NONE, Groups, rule
from tianji.auth.tags import tag
from tianji.auth.tokens.claims import Bearer, read
from tianji.auth.tokens.rows import Standing, standing
from tianji.auth.tokens.trust import Trusted
from tianji.auth.tokens.verifying import LEEWAY, peek, refused, require_meant, signed_by
from tianji.clock import SYSTEM, Clock
from tianji.config.schema import GeneralSettings
from tianji.config.schema.general import RolePermission
from tianji.config.schema.jwt import ClaimFields
from tianji.errors import PermissionDenied
from tianji.providers.names import infer
from tianji.storage.store import Store
from tianji.storage.tables import KEYS

EVERYWHERE: Final = ("*",)
NOWHERE: Final = ("-",)  # no path: an empty list of routes would not confine anybody
_PREFIX: Final = "Authentication Error, "


class Callers:
    """Whom tokens let in, by one configuration. `welcome` puts somebody into the database who is not there."""

    def __init__(
        self,
        general: GeneralSettings,
        trusted: Trusted,
        store: Store,
        groups: Callable[[], Groups],
        welcome: Welcome,
        judge: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """Let in whom `trusted` vouches for. `judge`: raises for claims that it does not accept."""
        self._general = general
        self._settings = general.litellm_jwtauth
        self._trusted = trusted
        self._store = store
        self._groups = groups
        self._welcome = welcome
        self._judge = judge
        self._clock = clock

    def close(self) -> None:
        """Fetch no more keys."""
        self._trusted.close()

    async def identify(self, token: bytes, chosen: str | None) -> Identity | Refusal:
        """Return whom a token lets in. `chosen`: the team of his that he wants to call for.

        Raises AuthenticationFailed (401), PermissionDenied (403), ObjectNotFound (404) for a team that does not exist,
        ProviderUnavailable and StoreUnavailable (503).
        """
        header, claims = peek(token)
        trust = self._trusted.of(claims)
        signer = await signed_by(token, header, trust.sets)
        require_meant(claims, trust.audience, self._clock)
        if self._judge is not None:
            await self._judge(claims)
        bearer = read(claims, self._settings, trust.fields)
        self._require_somebody(bearer, trust.fields)
        database = await self._store.open()
        async with database.reading() as connection:
            found = await standing(connection, bearer, self._settings, chosen)
        arrival = self._arrival(bearer, found)
        if arrival is not None:
            await self._welcome(arrival)
        async with database.reading() as connection:
            if arrival is not None:
                found = await standing(connection, bearer, self._settings, chosen)
            self._require_team(bearer, found, trust.fields)
            row = self._row(bearer, found)
            record = await lookup.record(connection, row)
        identity = compile_record(record, self._groups(), infer)
        if isinstance(identity, Refusal):
            return identity
        return msgspec.structs.replace(
            identity,
            role=Role.PROXY_ADMIN if bearer.admin else identity.role,
            user_email=identity.user_email or bearer.email,
            end_user=bearer.end_user,
            tags=identity.tags | {signer.tag, *_absent(bearer)},
            stands_for={
                **row,
                "allowed_routes": [] if row["allowed_routes"] == list(EVERYWHERE) else row["allowed_routes"],
                "expires": None,
            },
        )

    def _require_somebody(self, bearer: Bearer, fields: ClaimFields) -> None:
        """Refuse a token that says nothing which lets anybody in: it would be let in without limits."""
        general, settings = self._general, self._settings
        if (settings.enforce_rbac or general.enforce_rbac) and bearer.role is None:
            raise PermissionDenied(f"{_PREFIX}no role of the token has a meaning here; see role_mappings")
        guarded = settings.user_allowed_roles is not None and (
            fields.user_roles_jwt_field or settings.user_roles_jwt_field
        )
        if guarded and bearer.role is None:
            raise PermissionDenied(f"{_PREFIX}no role of the token is among user_allowed_roles")
        team = bearer.teams or bearer.team_alias or settings.team_id_default
        if not (bearer.admin or team or bearer.user_id):
            raise refused(
                "names neither a user nor a team: send one that does, or set user_id_jwt_field or team_id_jwt_field"
            )

    def _require_team(self, bearer: Bearer, found: Standing, fields: ClaimFields) -> None:
        """Refuse a token without a team where the configuration wants one."""
        settings = self._settings
        if bearer.admin or found.team is not None:
            return
        one = fields.team_id_jwt_field or settings.team_id_jwt_field
        several = fields.team_ids_jwt_field or settings.team_ids_jwt_field
        if one and not (several or settings.team_claim_fallback):
            raise refused(f"names no team in its claim {one}")
        if settings.enforce_team_based_model_access:
            raise PermissionDenied(f"{_PREFIX}only members of a team may call models, and the token names none")

    def _arrival(self, bearer: Bearer, found: Standing) -> Arrival | None:
        """Return what has to change in the database before this bearer is let in; None where nothing has to."""
        settings = self._settings
        team = found.missing or (found.team["team_id"] if found.team is not None else None)
        makes_user = settings.user_id_upsert and found.user is None and bool(bearer.user_id or bearer.email)
        arrival = Arrival(
            user_id=found.user["user_id"] if found.user is not None else bearer.user_id,
            email=bearer.email,
            provider="jwt",
            makes_user=makes_user,
            makes_teams=found.missing is not None,
            teams=(team,) if team is not None and (settings.upsert_sso_user_to_team or found.missing) else (),
        )
        if settings.sync_user_role_and_teams:
            arrival = msgspec.structs.replace(
                arrival, role=bearer.user_role, teams=bearer.teams or arrival.teams, leaves_others=bool(bearer.teams)
            )
        known = found.user is not None or makes_user
        changes_role = found.user is not None and arrival.role not in (None, found.user["user_role"])
        changes_teams = known and (
            not found.memberships.issuperset(arrival.teams)
            or (arrival.leaves_others and found.memberships != set(arrival.teams))
        )
        return arrival if makes_user or arrival.makes_teams or changes_role or changes_teams else None

    def _row(self, bearer: Bearer, found: Standing) -> Row:
        """Return what a key of this bearer would be."""
        row: dict[str, Any] = dict.fromkeys(KEYS.c.keys())
        return row | {
            "token": hashlib.sha256(f"jwt\0{bearer.name}".encode()).hexdigest(),
            "user_id": found.user["user_id"] if found.user is not None else bearer.user_id,
            "team_id": None if found.team is None else found.team["team_id"],
            "organization_id": found.organization_id,
            "agent_id": bearer.agent_id,
            "blocked": False,
            "spend": 0,
            "expires": datetime.fromtimestamp(bearer.expires + LEEWAY, UTC),
            "models": self._models(bearer),
            "allowed_routes": list(self._routes(bearer, found) or NOWHERE),
        }

    def _models(self, bearer: Bearer) -> list[str]:
        """Return what the roles and the scopes of a token let it use; an empty list for everything."""
        settings = self._settings
        found: list[str] = []
        if settings.enforce_scope_based_access and not bearer.admin:
            fitting = [row for row in settings.scope_mappings if row.scope in bearer.scopes]
            found = [model for row in fitting for model in row.models] or [NONE]
        permission = self._permitted(bearer)
        if permission is None or permission.models is None:
            return found
        above = rule(permission.models, "", groups=self._groups(), infer=infer)
        allowed = found or list(permission.models)
        return [model for model in allowed if above is None or above.allows(model)] or [NONE]

    def _routes(self, bearer: Bearer, found: Standing) -> Collection[str]:
        if bearer.admin:
            return self._settings.admin_allowed_routes
        permission = self._permitted(bearer)
        if permission is not None and permission.routes is not None:
            return permission.routes
        return self._settings.team_allowed_routes if found.team is not None else EVERYWHERE

    def _permitted(self, bearer: Bearer) -> RolePermission | None:
        """Return the row of `role_permissions` for a bearer, which counts where roles are enforced."""
        general = self._general
        if not (self._settings.enforce_rbac or general.enforce_rbac):
            return None
        return next((row for row in general.role_permissions if row.role == bearer.role), None)


def _absent(bearer: Bearer) -> set[int]:
    """Name what may come into being later and would make somebody else of this bearer."""
    found = {tag("team", name) for name in bearer.teams}
    if bearer.user_id is not None:
        found.add(tag("user", bearer.user_id))
    return found
