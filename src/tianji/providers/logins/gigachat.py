"""GigaChat's login: https://developers.sber.ru/docs/ru/gigachat/api/reference/rest/post-token."""

import uuid
from typing import ClassVar
from urllib.parse import urlencode

from msgspec import Struct

from tianji.clock import SYSTEM
from tianji.errors import UpstreamFailure
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import FORM, read_object, seconds, shown
from tianji.providers.logins.tokens import Token


class GigaChat(Struct, frozen=True, kw_only=True):
    """A key of authorization, which is exchanged for tokens that say when they end, in milliseconds."""

    URL: ClassVar[str] = "https://ngw.devices.sberbank.ru:9443/api/v2/oauth"
    SCOPE: ClassVar[str] = "GIGACHAT_API_PERS"

    key: str
    scope: str
    url: str
    trust: str | None = None
    service: str = "GigaChat"

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a new token."""
        headers = {**FORM, "authorization": f"Basic {self.key}", "rquid": str(uuid.uuid4())}
        form = urlencode({"scope": self.scope}).encode()
        found = read_object(self.service, await fetch("POST", self.url, headers, form))
        token, ends = shown(self.service, found.get("access_token")), seconds(found.get("expires_at"))
        if ends is None:
            raise UpstreamFailure("the answer of GigaChat to the request for an access token says no end", sent=False)
        return Token(token, max(ends / 1000 - SYSTEM.now(), 1.0))

    def __repr__(self) -> str:
        """Say whose it is, and nothing secret."""
        return f"GigaChat({self.scope})"
