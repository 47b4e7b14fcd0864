"""What a request says about its own routing: retries, fallbacks, tags, region."""

from collections.abc import Iterable, Mapping
from typing import Final

from tianji.config.schema.router import Target
from tianji.dialects.forbidden import check_body
from tianji.errors import InvalidRequest
from tianji.routing.eligibility import Scope
from tianji.routing.fallback import Table, Wishes
from tianji.routing.router import Request

MEMBERS: Final = frozenset(
    {
        "num_retries", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "max_fallbacks",
        "disable_fallbacks", "tags", "allowed_model_region",
    }
)  # fmt: skip
"""Members of a body that steer the routing and never go upstream, beside `metadata.tags`."""

MOST_TARGETS: Final = 32  # of one list of fallbacks
MOST_TAGS: Final = 64
_PREFIXES: Final = (b"x-tianji-", b"x-litellm-")
Headers = Mapping[bytes, bytes]


def read_request(model: str, body: Mapping[str, object], headers: Headers, *, any_credentials: bool = False) -> Request:
    """Read what `body`, its members decoded, and `headers` ask of the router.

    Raises InvalidRequest for what is not usable, and AuthenticationFailed for a fallback with members that only an
    operator may set, unless `any_credentials`.
    """
    retries = _header(headers, b"num-retries")
    return Request(
        model=model,
        num_retries=_count("num_retries", body.get("num_retries") if retries is None else retries),
        wishes=Wishes(
            general=_targets("fallbacks", body, any_credentials),
            context_window=_targets("context_window_fallbacks", body, any_credentials),
            content_policy=_targets("content_policy_fallbacks", body, any_credentials),
            most=_count("max_fallbacks", body.get("max_fallbacks")),
        ),
        disable_fallbacks=body.get("disable_fallbacks") in (True, "true", "True"),
    )


def read_scope(
    body: Mapping[str, object],
    headers: Headers,
    *,
    inherited: Iterable[str] = (),
    team: str | None = None,
    regions: Iterable[str] = (),
    looks_at_agent: bool = False,
    filters: bool | None = None,
) -> Scope | None:
    """Read what narrows the deployments; None when nothing does.

    inherited: tags of the caller's key and team; regions: what they and the settings allow, beside the request's own
    """
    tags = [*_tags(body.get("tags")), *_tags(_member(body.get("metadata"), "tags")), *inherited]
    listed = _header(headers, b"tags")
    if listed is not None:
        tags.extend(tag.strip() for tag in listed.split(",") if tag.strip())
    if len(tags) > MOST_TAGS:
        raise InvalidRequest(f"`tags` has more than {MOST_TAGS} tags", param="tags")
    wanted = body.get("allowed_model_region")
    if wanted is not None and (not isinstance(wanted, str) or not wanted):
        raise InvalidRequest("`allowed_model_region` must be the name of a region", param="allowed_model_region")
    scope = Scope(
        tags=tuple(dict.fromkeys(tags)),
        regions=tuple(dict.fromkeys((*regions, *(() if wanted is None else (wanted,))))),
        team=team,
        agent=headers.get(b"user-agent", b"").decode("latin-1") if looks_at_agent else "",
        filters=filters,
    )
    return None if scope == Scope() else scope


def _header(headers: Headers, name: bytes) -> str | None:
    found = next((headers[prefix + name] for prefix in _PREFIXES if prefix + name in headers), None)
    return None if found is None else found.decode("latin-1")


def _count(member: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidRequest(f"`{member}` must be a whole number, 0 or more", param=member)


def _targets(member: str, body: Mapping[str, object], any_credentials: bool) -> Table | tuple[Target, ...] | None:
    """Read a list of targets, or a list of rules `{group: [targets]}`. None when the request has no such list."""
    value = body.get(member)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_TARGETS:
        raise InvalidRequest(f"`{member}` must be a list of at most {MOST_TARGETS} models", param=member)
    if value and all(isinstance(item, dict) and _is_rule(item) for item in value):
        return {group: _checked(member, targets, any_credentials) for rule in value for group, targets in rule.items()}
    return _checked(member, value, any_credentials)


def _is_rule(item: Mapping[str, object]) -> bool:
    return len(item) == 1 and all(isinstance(targets, list) for targets in item.values())


def _checked(member: str, targets: list[object], any_credentials: bool) -> tuple[Target, ...]:
    found: list[Target] = []
    for target in targets:
        if isinstance(target, str):
            found.append(target)
        elif isinstance(target, dict) and isinstance(target.get("model"), str):
            check_body(target, any_credentials=any_credentials)
            found.append(target)
        else:
            message = f"`{member}` must hold names of models, or objects with a `model` and members of the request"
            raise InvalidRequest(message, param=member)
    return tuple(found)


def _tags(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value] if value else []
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise InvalidRequest("`tags` must be a text or a list of texts", param="tags")
    return value


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
