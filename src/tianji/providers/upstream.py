"""What a deployment compiles to: where a request goes, with which headers, and how its body changes, all as data."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from tianji.errors import Header
from tianji.protocol.ranks import Style

Operation = Literal[
    "chat",
    "completions",
    "embeddings",
    "moderations",
    "messages",
    "responses",
    "compact",
    "gemini",
    "image_generation",
    "image_edit",
    "image_variation",
    "audio_speech",
    "transcription",
    "translation",
    "rerank",
    "ocr",
    "realtime",
    "live",
]
Body = dict[str, object]

PATHS: Mapping[str, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "moderations": "/moderations",
    "image_generation": "/images/generations",
    "image_edit": "/images/edits",
    "image_variation": "/images/variations",
    "audio_speech": "/audio/speech",
    "transcription": "/audio/transcriptions",
    "translation": "/audio/translations",
    "rerank": "/rerank",
    "ocr": "/ocr",
    "realtime": "/realtime",
    "live": "/live",
}


MEDIA: Final = "tianji.protocol.media"
"""The package of the modules that write requests for pictures and sound, for `Upstream.media`."""
EMBEDDINGS: Final = "tianji.protocol.embedding.vendors"
"""The module that writes embedding requests in the form of a provider, for `Upstream.embeddings`."""


class Condition(Struct, frozen=True):
    """`name` is sent only beside `other`.

    With `value` the raw JSON of `other` must be exactly that; without, it must be there and neither null nor an
    empty list. A `name` that does not meet its condition is removed.
    """

    name: str
    other: str
    value: bytes | None = None


class Shaping(Struct, frozen=True):
    """How a client's body becomes the upstream's, in this order. `shaping.apply` is the same rule in plain Python.

    1. `refuse`, without the names in `drop`: a name whose value is null is removed instead.
    2. `drop`: always removed. No name is in `drop` and also in `defaults`.
    3. `conditions`, on what is left.
    4. `rename`: when the client sent the new name too, its value stays and the old member is removed.
    5. `defaults`: appended for every name that is not there now.
    6. `adapt`: when a name in `adapt_on` is there (judge the names the client sent, after `rename`: defaults are
       adapted already), or `"*"` is in `adapt_on`, or every needle of one group in `adapt_bytes` is in the raw body.
       May raise `UnsupportedParams` for a value.
    7. `override`: set, whatever is there. Then `model` is set to the upstream's name.

    `drop_params` says how this came out, None where nobody has said, which is as false. The other way, `unsupported`
    would stand in the other one of `drop` and `refuse`, and `adapt_otherwise` in the place of `adapt`. `allowed` names
    members that go whatever is known.
    """

    rename: tuple[tuple[str, str], ...]
    drop: frozenset[str]
    refuse: frozenset[str]
    defaults: tuple[tuple[str, bytes], ...]
    override: tuple[tuple[str, bytes], ...]
    adapt_on: frozenset[str]
    adapt: Callable[[Body], Body] | None
    adapt_bytes: tuple[tuple[bytes, ...], ...] = ()
    conditions: tuple[Condition, ...] = ()
    drop_params: bool | None = None
    unsupported: frozenset[str] = frozenset()
    adapt_otherwise: Callable[[Body], Body] | None = None
    allowed: frozenset[str] = frozenset()


class OwnForm(Struct, frozen=True, kw_only=True):
    """How an operation that clients ask for in another form than OpenAI's reaches an upstream that has that form too.

    The bytes go through. suffix: where a request goes behind the base address, by its model and whether it is a stream
    shaping: how its body changes; names_model: whether the body holds the model's name
    carries: headers of clients that go upstream too, lower-case
    prefix: the path of its address, where that is another than that of the upstream, and `query` then what goes with it
    """

    suffix: Callable[[str, bool], str]
    shaping: Shaping
    names_model: bool = True
    carries: frozenset[bytes] = frozenset()
    prefix: str | None = None
    query: str = ""


class Upstream(Struct, frozen=True):
    """One deployment's upstream.

    `base_url` has no trailing slash and no query. `headers` are lower-case and free of CR, LF and NUL; they hold the
    credentials, so this object is never logged whole. A request goes to `base_url + paths[operation]`, with `?query`
    when there is one; an operation that is absent in `paths` is not offered. `key_missing` says which variables to
    set when the provider needs a key and none was found; such an upstream would be refused at every call.
    `secrets` are the credentials alone, for scrubbing them from what the upstream says. `paths` are of operations in
    OpenAI's form, `own_forms` of others. `protocol` is the module whose `outbound(request, target)` writes what is
    said in the hub's form, for an upstream that does not speak OpenAI's. `sign` gives headers of one request by its
    target and body: a signature, or a token that changes; `awaits` gives the task that has to end before
    it can, None for none. `plain_shaping` is of operations to which chat's names mean nothing, pictures and sound;
    None where there are none. `ranks` is how it says ranks of documents.
    `embeddings` is the module that writes embedding requests, where they are not OpenAI's, and `media` those that write
    requests for pictures and sound.
    `prefixes` is what stands before `models/` in the names of its models, where it keeps prefixes of requests beside
    them; None where it keeps none.
    `infills` says that it has nothing but completions, whose `suffix` it takes.
    `answers` is code of this process that takes the calls instead of a host, `egress.inside`: those of the operations
    in `answered`, or all where that is None.
    """

    provider: str
    model: str
    base_url: str
    headers: tuple[tuple[bytes, bytes], ...]
    query: str
    paths: Mapping[str, str]
    shaping: Shaping
    key_missing: str | None
    secrets: tuple[str, ...] = ()
    protocol: str | None = None
    own_forms: Mapping[str, OwnForm] = {}
    sign: Callable[[str, bytes], Iterable[Header]] | None = None
    awaits: Callable[[], asyncio.Task[Any] | None] | None = None
    plain_shaping: Shaping | None = None
    ranks: Style = "cohere"
    embeddings: str | None = None
    media: Mapping[str, str] = {}
    prefixes: str | None = None
    infills: bool = False
    answers: Callable[[Any], None] | None = None
    answered: frozenset[str] | None = None

    def __repr__(self) -> str:
        """Say what it is without its credentials."""
        return f"Upstream({self.provider}/{self.model} at {self.base_url})"
