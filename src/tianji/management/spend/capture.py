"""Which share of a provider's bill the books know of, for whoever asks."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from tianji.accounting.bills.capture import LONGEST, billed, captured, report
from tianji.config.schema.alerting import CaptureCheck
from tianji.errors import ConfigurationError, TianjiError, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.spend.logs import day


class BillUnknown(TianjiError):  # noqa: N818 - named like its neighbours in the error tree
    """Nobody may ask a provider what it bills, as the gateway is configured."""

    status = 503
    type: ClassVar[str] = "service_unavailable"


class Wanted(Struct, kw_only=True):
    """Which days, in UTC, both included. project_ids: of the provider, whose bill alone counts; none: of all."""

    start_date: str
    end_date: str
    provider: Literal["openai"] = "openai"
    threshold: Annotated[float, Meta(gt=0, le=1)] = 0.9


async def rate(call: Call) -> Row:
    """Compare what the books have with what OpenAI bills. Raises Unacceptable, BillUnknown, UpstreamFailure."""
    asked = call.questions(Wanted)
    first, last = (date.fromisoformat(day(getattr(asked, name), name)) for name in ("start_date", "end_date"))
    if last < first:
        raise Unacceptable("end_date must not be before start_date", param="end_date")
    if last - first >= LONGEST:
        raise Unacceptable(f"{LONGEST.days} days at the most", param="start_date")
    known, answer = await captured(call.connection, first, last), Row()
    check = CaptureCheck(threshold=asked.threshold, openai_project_ids=tuple(call.several("project_ids")))

    async def compare() -> None:
        try:
            bill = await billed(call.office.environ(), first, last, check.openai_project_ids)
        except ConfigurationError as error:
            raise BillUnknown(error.message) from error
        answer.update(msgspec.to_builtins(report(first, last, known, bill, check)))

    call.afterwards.append(compare)  # which may take its time
    return answer
