"""Services of AWS that are asked by the name of an operation, in JSON 1.1, and what they cost.

https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Measures, Rates
from tianji.accounting.prices.tables import compile_rates
from tianji.errors import InvalidRequest

CONTENT: Final = b"content-type"
CONTENT_TYPE: Final = b"application/x-amz-json-1.1"
TARGET: Final = b"x-amz-target"
HeaderOf = Callable[[bytes], bytes | None]
"""The value of a header of the client's, by its name."""

_NAME: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_UNIT: Final = 100  # characters that Comprehend Medical takes one price for


class Service(Struct, frozen=True):
    """One of them.

    version: stands before an operation's name in `x-amz-target`
    prices: US dollars of a unit, by operation; others are refused then, since nobody would pay for them. None: what an
    operation costs its answer does not say, and all are served
    """

    version: str
    prices: Mapping[str, str] | None = None

    def operation(self, named: str, header: HeaderOf) -> str:
        """Return the operation that is asked for. Raises InvalidRequest for none, or one that is not served.

        named: by the path, "" where it is left to the header, as clients of AWS's do
        """
        version, dot, after = (header(TARGET) or b"").decode("latin-1").rpartition(".")
        wanted = named or (after if dot and version == self.version else "")
        if _NAME.fullmatch(wanted) is None:
            raise InvalidRequest(f"name an operation behind the path's prefix, or x-amz-target: {self.version}.NAME")
        if self.prices is not None and wanted not in self.prices:
            raise InvalidRequest(f"{wanted} has no price here, so it is not served: use {', '.join(self.prices)}")
        return wanted

    def target(self, named: str, header: HeaderOf) -> bytes:
        """Return what `x-amz-target` has to say. Raises InvalidRequest as above."""
        return f"{self.version}.{self.operation(named, header)}".encode()

    def asked(self, named: str, exchange: Exchange) -> tuple[str, Measures | None, Rates | None]:
        """Return the operation, what is asked of it, and the price of that. Raises InvalidRequest as above."""
        wanted = self.operation(named, exchange.header)
        if self.prices is None:
            return wanted, None, None
        units = -(-len(_text(exchange.read(0, exchange.size))) // _UNIT)
        return wanted, Measures(queries=max(1, units)), compile_rates({"input_cost_per_query": self.prices[wanted]}, "")


class _Asked(Struct):
    text: str = msgspec.field(name="Text", default="")


def _text(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Asked).text
    except (msgspec.DecodeError, RecursionError):  # the upstream's to judge
        return ""


SERVICES: Final[Mapping[str, Service]] = {
    # https://aws.amazon.com/comprehend/medical/pricing/, of 2026-11: the first tier, by units of 100 characters
    "comprehendmedical": Service(
        "ComprehendMedical_20181030",
        {
            "DetectEntitiesV2": "0.01",
            "DetectPHI": "0.0014",
            "InferICD10CM": "0.0005",
            "InferRxNorm": "0.00025",
            "InferSNOMEDCT": "0.0075",
        },
    ),
    "transcribe": Service("Transcribe"),
}
