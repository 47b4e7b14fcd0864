"""What the service says of itself: RFC 7643 sections 5 to 7."""

from collections.abc import Iterable
from typing import Any, Final

from tianji.scim.listing import MOST
from tianji.scim.patching import ENTERPRISE
from tianji.scim.resources import GROUP, USER

Document = dict[str, Any]
_Row = tuple[str, str, Document]  # name, type, and what differs from the usual
_VALUES: Final[tuple[_Row, ...]] = (
    ("value", "string", {}),
    ("display", "string", {}),
    ("type", "string", {}),
    ("primary", "boolean", {}),
)
_REFERENCE: Final[_Row] = ("$ref", "reference", {"mutability": "readOnly"})


def _attribute(name: str, kind: str, facts: Document) -> Document:
    found = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "description": f"{name} of the resource",
        "required": False,
        "mutability": "readWrite",
        "returned": "default",
        **({"caseExact": False, "uniqueness": "none"} if kind in ("string", "reference") else {}),
        **facts,
    }
    if "subAttributes" in facts:
        found["subAttributes"] = _attributes(facts["subAttributes"])
    return found


def _attributes(rows: Iterable[_Row]) -> list[Document]:
    return [_attribute(*row) for row in rows]


def _many(name: str, *more: _Row) -> _Row:
    return name, "complex", {"multiValued": True, "subAttributes": (*_VALUES, *more)}


_SCHEMAS: Final[tuple[tuple[str, str, str, tuple[_Row, ...]], ...]] = (
    (
        USER,
        "User",
        "Whoever uses the gateway",
        (
            ("userName", "string", {"required": True, "uniqueness": "server"}),
            ("externalId", "string", {"uniqueness": "server", "caseExact": True}),
            ("displayName", "string", {}),
            (
                "name",
                "complex",
                {"subAttributes": tuple((part, "string", {}) for part in ("formatted", "givenName", "familyName"))},
            ),
            ("active", "boolean", {}),
            _many("emails"),
            _many("groups", _REFERENCE),
            _many("entitlements"),
            _many("roles"),
        ),
    ),
    (
        GROUP,
        "Group",
        "A team of users",
        (
            ("displayName", "string", {"required": True}),
            ("externalId", "string", {"caseExact": True}),
            _many("members", _REFERENCE),
        ),
    ),
    (
        ENTERPRISE,
        "EnterpriseUser",
        "What an enterprise says of a user; kept, without effect here",
        tuple(
            (name, "string", {}) for name in ("employeeNumber", "costCenter", "organization", "division", "department")
        ),
    ),
)


def documents(base: str) -> dict[str, Any]:
    """Return the documents by the name of their path. `base`: the address that SCIM's paths begin at."""
    return {
        "ServiceProviderConfig": _configuration(base),
        "ResourceTypes": [
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": name,
                "name": name,
                "endpoint": f"/{name}s",
                "schema": schema,
                "schemaExtensions": [{"schema": ENTERPRISE, "required": False}] if schema == USER else [],
                "meta": {"resourceType": "ResourceType", "location": f"{base}/ResourceTypes/{name}"},
            }
            for name, schema in (("User", USER), ("Group", GROUP))
        ],
        "Schemas": [
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": schema,
                "name": name,
                "description": description,
                "attributes": _attributes(rows),
                "meta": {"resourceType": "Schema", "location": f"{base}/Schemas/{schema}"},
            }
            for schema, name, description, rows in _SCHEMAS
        ],
    }


def _configuration(base: str) -> Document:
    lacking = {"supported": False}
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MOST},
        "changePassword": lacking,
        "sort": lacking,
        "etag": lacking,
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Key of a proxy admin",
                "description": "Authorization: Bearer, with a key of this gateway",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }
