"""Azure Sentinel, through Azure Monitor's ingestion of logs.

https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, moment
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.providers.logins.entra import AUTHORITY, SERVICE
from tianji.providers.logins.oauth import client_credentials, source_of

STREAM: Final = "Custom-LiteLLM"
_VERSION: Final = "2023-01-01"
_SCOPES: Final = {  # of the clouds, by what their authority's host ends with
    ".us": "https://monitor.azure.us/.default",
    ".cn": "https://monitor.azure.cn/.default",
}


def build(given: Given) -> Sink:
    """Make it of AZURE_SENTINEL_ENDPOINT, _DCR_IMMUTABLE_ID, _STREAM_NAME, _TENANT_ID, _CLIENT_ID, _CLIENT_SECRET."""
    rule = quote(given.text("dcr_immutable_id", "AZURE_SENTINEL_DCR_IMMUTABLE_ID"), safe="")
    stream = given.text("stream_name", "AZURE_SENTINEL_STREAM_NAME", default=STREAM)
    of_audit = given.text("audit_stream_name", "AZURE_SENTINEL_AUDIT_STREAM_NAME", default=stream)
    base = given.address("endpoint", "AZURE_SENTINEL_ENDPOINT")
    url, audit_url = (
        f"{base}/dataCollectionRules/{rule}/streams/{quote(name, safe='')}?api-version={_VERSION}"
        for name in (stream, of_audit)
    )
    tenant, client, secret = (
        given.text(name, f"AZURE_SENTINEL_{name.upper()}", f"AZURE_{name.upper()}")
        for name in ("tenant_id", "client_id", "client_secret")
    )
    authority = given.address("authority_host", "AZURE_SENTINEL_AUTHORITY_HOST", default=AUTHORITY)
    scope = next(
        (scope for end, scope in _SCOPES.items() if authority.endswith(end)), "https://monitor.azure.com/.default"
    )
    login = f"{authority}/{quote(tenant, safe='')}/oauth2/v2.0/token"
    tokens = source_of(client_credentials(SERVICE, login, client, secret, scope))

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield _post(url, ((event.ended, event.wire) for event in events))

    def audited(entries: Sequence[Audit]) -> Iterable[Delivery]:
        yield _post(audit_url, ((entry.at.timestamp(), entry.wire) for entry in entries))

    async def complete(request: Delivery) -> Delivery:
        headers = {**request.headers, "authorization": f"Bearer {await tokens.wait()}"}
        return msgspec.structs.replace(request, headers=headers)

    return Sink(given.name, write, batch=100, complete=complete, audited=audited)


def _post(url: str, records: Iterable[tuple[float, bytes]]) -> Delivery:
    rows = [b'{"TimeGenerated":"%b",%b' % (moment(at).encode(), wire[1:]) for at, wire in records]
    return Delivery(url, b"[%b]" % b",".join(rows), JSON)
