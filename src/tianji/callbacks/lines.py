"""Lines of a batch that is over as loggers are told them: LiteLLM's StandardBatchLineItemsPayload.

https://docs.litellm.ai/docs/proxy/config_settings has `batch_line_item_callbacks`, which names who is told.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from tianji.callbacks.object_names import day, plain

FOLDER: Final = "batch_line_items"
KIND: Final = "application/x-ndjson"
_encode: Final = msgspec.json.Encoder().encode


class LineUsage(Struct, frozen=True):
    """The tokens of one line."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Line(Struct, frozen=True, kw_only=True):
    """One request of a batch and what came of it. response_cost: US dollars.

    custom_id: None where nobody can read it; status: success or failure; request: None where it is not known
    response: the line of the upstream's results, as it came
    """

    batch_id: str
    custom_id: str | None
    status: str
    request: Raw | None
    response: Raw | None
    usage: LineUsage | None
    response_cost: float
    model: str
    custom_llm_provider: str
    metadata: Mapping[str, str | None]


class Part(Struct, frozen=True, kw_only=True):
    """Some lines of a batch. finished_at: seconds since 1970; part: from 0 on."""

    batch_id: str
    finished_at: int
    part: int
    lines: tuple[Line, ...]

    @property
    def bare(self) -> "Part":
        """It without what was said."""
        return replace(self, lines=tuple(replace(line, request=None, response=None) for line in self.lines))

    @property
    def wire(self) -> bytes:
        """A line of JSON for each."""
        return b"".join([_encode(line) + b"\n" for line in self.lines])

    @property
    def object_name(self) -> str:
        """How an object is called that holds it, below the folder of a bucket: the same each time."""
        return f"{FOLDER}/{day(self.finished_at)}/{plain(self.batch_id)}/part-{self.part:05d}.jsonl"
