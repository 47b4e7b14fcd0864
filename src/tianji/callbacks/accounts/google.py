"""Requests to services of Google Cloud, with an access token as those to its models have one."""

from collections.abc import Awaitable, Callable

import msgspec

from tianji.callbacks.sink import Delivery, Given
from tianji.providers.logins.google_credentials import find
from tianji.providers.own.vertex_ai import token_source


def bearing(given: Given) -> Callable[[Delivery], Awaitable[Delivery]]:
    """Return what puts a token into a request: of GCS_PATH_SERVICE_ACCOUNT, or of what the machine gives.

    Raises ConfigurationError for a credential that cannot be read.
    """
    written = given.optional("gcs_path_service_account", "GCS_PATH_SERVICE_ACCOUNT")
    tokens = token_source(find(written, given.environ))

    async def complete(request: Delivery) -> Delivery:
        headers = {**request.headers, "authorization": f"Bearer {await tokens.wait()}"}
        return msgspec.structs.replace(request, headers=headers)

    return complete
