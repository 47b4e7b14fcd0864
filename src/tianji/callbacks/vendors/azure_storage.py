"""Files in Azure Data Lake Storage: each is made, filled and closed.

https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.object_names import plain, shortened
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError
from tianji.providers import deployment
from tianji.providers.logins import entra
from tianji.providers.logins.oauth import Login, source_of

SCOPE: Final = "https://storage.azure.com/.default"
_VERSION: Final = {"x-ms-version": "2023-11-03"}


def build(given: Given) -> Sink:
    """Make it of AZURE_STORAGE_ACCOUNT_NAME, _FILE_SYSTEM, _TENANT_ID, _CLIENT_ID and _CLIENT_SECRET."""
    account = given.text("azure_storage_account_name", "AZURE_STORAGE_ACCOUNT_NAME")
    ending = given.text("azure_storage_endpoint_suffix", "AZURE_STORAGE_ENDPOINT_SUFFIX", default="core.windows.net")
    usual = f"https://{quote(account, safe='')}.dfs.{ending}"
    system = quote(given.text("azure_storage_file_system", "AZURE_STORAGE_FILE_SYSTEM"), safe="")
    base = f"{given.address('azure_storage_endpoint', default=usual)}/{system}"
    tokens = source_of(_login(given))

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            yield from _file(f"{base}/{quote(shortened(plain(event.id), '.json'), safe='')}", event.wire)

    def audited(entries: Sequence[Audit]) -> Iterable[Delivery]:
        for entry in entries:
            yield from _file(f"{base}/{quote(entry.object_name)}", entry.wire)

    async def complete(request: Delivery) -> Delivery:
        headers = {**request.headers, "authorization": f"Bearer {await tokens.wait()}"}
        return msgspec.structs.replace(request, headers=headers)

    return Sink(given.name, write, batch=1, at_once=8, complete=complete, audited=audited)


def _file(url: str, body: bytes) -> Iterable[Delivery]:
    yield Delivery(f"{url}?resource=file", b"", _VERSION, method="PUT")
    yield Delivery(f"{url}?action=append&position=0", body, _VERSION, method="PATCH")
    yield Delivery(f"{url}?action=flush&position={len(body)}", b"", _VERSION, method="PATCH")


def _login(given: Given) -> Login:
    names = ("tenant_id", "client_id", "client_secret")
    own = {name: given.optional(name, f"AZURE_STORAGE_{name.upper()}") or None for name in names}
    params = {**own, "azure_scope": SCOPE, "enable_azure_ad_token_refresh": True}  # the machine's identity comes last
    read = deployment.read(params, given.environ, ("callback", given.name), drop_params=None)
    found = entra.written(read) or entra.inherited(read)
    if found is None:
        raise ConfigurationError(
            f"callback {given.name}: set AZURE_STORAGE_TENANT_ID, AZURE_STORAGE_CLIENT_ID and "
            "AZURE_STORAGE_CLIENT_SECRET; an account key is not served"
        )
    return found
