"""Where in a request the key is, and in which form.

The first place that is present wins, even when what stands there is of no use: a client that sends a wrong key in one
header must not be let in by another. The order is the one that clients of LiteLLM's proxy rely on.
"""

from urllib.parse import parse_qsl

from tianji._core.edges.exchange import Exchange
from tianji.auth.sessions import Sessions
from tianji.errors import Header

UNUSABLE = b""  # something was sent, but not in a form that can hold a key

_ORDER = (
    b"x-litellm-api-key",
    b"x-tianji-api-key",
    b"authorization",
    b"api-key",  # Azure
    b"x-api-key",  # Anthropic
    b"x-goog-api-key",  # Google
    b"ocp-apim-subscription-key",  # Azure API Management
)
BEARER_PROTOCOL = b"sec-websocket-protocol"  # pages cannot set headers of a WebSocket, but name sub-protocols
_KEY_PROTOCOL = b"openai-insecure-api-key."  # https://platform.openai.com/docs/guides/realtime-websocket
_AUTHORIZATION = _ORDER.index(b"authorization")
_GOOGLE = ("generatecontent", "counttokens", "embedcontent", "batchembedcontents")  # methods at the end of paths
_GOOGLES = ("/gemini/", "/vertex_ai/", "/vertex-ai/", "/ws/google.")  # where Google's own API is passed through
_NOWHERE = len(_ORDER)
_AWS_SCHEME = b"AWS4-HMAC-SHA256"


def carrier(exchange: Exchange, key_header: str | None = None) -> bytes | None:
    """Return the name of the header that the key of a request stands in; None where it stands in none.

    key_header: see Credentials
    """
    names = {name for name, _ in exchange.headers}
    order = _ORDER if key_header is None else (key_header.lower().encode("ascii"), *_ORDER)
    return next((name for name in order if name in names), None)


class Credentials:
    """Finds the key. `key_header`: the one named in the settings, which overrides all others when it is present.

    `sessions`: reads the cookie of a browser, which counts where there is no key anywhere.
    """

    def __init__(self, key_header: str | None = None, sessions: Sessions | None = None) -> None:
        self._sessions = sessions
        self._ranks = {name: rank for rank, name in enumerate(_ORDER)}
        self._override = key_header.lower().encode("ascii") if key_header else None
        if self._override is not None:
            self._ranks[self._override] = -1

    def find(self, exchange: Exchange) -> bytes | None:
        """Return the key, UNUSABLE for one in a wrong form, None when there is none."""
        ranks = self._ranks
        best = _NOWHERE
        found = UNUSABLE
        for name, value in exchange.headers:
            rank = ranks.get(name)
            if rank is not None and rank < best:
                best = rank
                found = value
        if best == _AUTHORIZATION:
            return found[7:].strip() if found.startswith((b"Bearer ", b"bearer ")) else _other_scheme(found)
        if best == _NOWHERE:
            found_elsewhere = _from_protocols(exchange) or _from_query(exchange)
            if found_elsewhere is None and self._sessions is not None:
                return self._sessions.key(exchange)
            return found_elsewhere
        if best < 0:
            return found[7:].strip() if found.startswith((b"Bearer ", b"bearer ")) else UNUSABLE
        return found[7:].strip() if best < _AUTHORIZATION and found.startswith(b"Bearer ") else found.strip()

    def others(self, exchange: Exchange) -> tuple[Header, ...]:
        """Return the headers that may hold a credential and do not let the caller in: they are for somebody else.

        What says the caller's own key once more is not among them.
        """
        ranks = self._ranks
        held = sorted((ranks[name], name, value) for name, value in exchange.headers if name in ranks)
        return tuple((name, value) for _, name, value in held[1:] if _bare(value) != _bare(held[0][2]))


def _bare(value: bytes) -> bytes:
    return value[7:].strip() if value[:7].lower() == b"bearer " else value.strip()


def _other_scheme(value: bytes) -> bytes:
    if value.startswith(b"Basic "):
        return value[6:].strip()
    if value.startswith(_AWS_SCHEME):
        return _from_signature(value)
    return UNUSABLE


def _from_signature(value: bytes) -> bytes:
    """AWS clients carry the key as access key id: `Credential=<key>/date/region/service/aws4_request`."""
    _, marker, rest = value.partition(b"Credential=")
    if not marker:
        return UNUSABLE
    credential = rest.split(b",", 1)[0].removeprefix(b"Bearer ")
    return credential.split(b"/", 1)[0].strip()


def _from_protocols(exchange: Exchange) -> bytes | None:
    """Look where a page puts the key that opens a WebSocket: it is the end of the name of a sub-protocol."""
    for name, value in exchange.headers:
        if name == BEARER_PROTOCOL:
            for offer in value.split(b","):
                if offer.strip().startswith(_KEY_PROTOCOL):
                    return offer.strip()[len(_KEY_PROTOCOL) :]
    return None


def _from_query(exchange: Exchange) -> bytes | None:
    """Google's clients may send `?key=`; it counts on their paths only, because query strings end up in logs."""
    if b"key=" not in exchange.query:
        return None
    if not (exchange.path.lower().endswith(_GOOGLE) or exchange.path.startswith(_GOOGLES)):
        return None
    for name, value in parse_qsl(exchange.query, keep_blank_values=True):
        if name == b"key":
            return value
    return None
