"""Models that were tuned are paid for by the token they were trained with, once somebody hears that they are ready.

https://platform.openai.com/docs/api-reference/fine-tuning/object: a job says `trained_tokens` when it has ended. The
catalogue has no prices of training, so an operator writes `training_cost_per_token` beside those of a deployment's
requests, or into a map of prices. Without one a trained token is billed as one of a prompt, and the entry in the ledger
says that it is an estimate; so it does where the tokens are guessed from the size of the file.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from tianji._core.journal.meter import cost
from tianji._core.streams.usage import TIERS_BY_NUMBER, estimated_usage
from tianji.accounting.prices.explain import explanation
from tianji.objects.billing import Bill, rates_of
from tianji.objects.lines import BYTES_A_TOKEN
from tianji.objects.places import Place

CALL_TYPE: Final = "acreate_fine_tuning_job"
_STANDARD: Final = TIERS_BY_NUMBER.index("standard")
_MOST: Final = 1 << 40  # tokens of a job; what an upstream says beyond is no count
_ONE: Final = (1, 1, 0)  # a factor that changes nothing
log = logging.getLogger(__name__)


def tuning_bill(place: Place, job: Mapping[str, Any], size: int) -> Bill:
    """Return what a job that has ended comes to. `job`: as its upstream says it; size: bytes of the training file."""
    model = str(job.get("model") or "")
    tokens, guessed = _trained(job, size)
    bill = Bill(_STANDARD, CALL_TYPE, prompt=tokens, model=model, estimated=guessed)
    rates, price = rates_of(place, model), place.trained(model)
    if price is not None:
        bill.items = (("training", tokens, price),)
        bill.factors = (_ONE, _ONE) if rates is None else rates.factor
        bill.nano = explanation(bill.items, bill.factors).total
        return bill
    bill.estimated = True
    if tokens and (rates is None or not rates.known):
        log.warning("nobody knows what it costs to tune %s: set training_cost_per_token; 0 is in the ledger", model)
    elif rates is not None:
        bill.nano, bill.priced = cost(rates, estimated_usage(tokens, 0), int(time.time()), None, _STANDARD), True
    return bill


def _trained(job: Mapping[str, Any], size: int) -> tuple[int, bool]:
    """Return the tokens that a model was trained with, and whether that is a guess."""
    told = job.get("trained_tokens")
    if isinstance(told, int) and not isinstance(told, bool) and told >= 0:
        return min(told, _MOST), False
    if job.get("status") != "succeeded":
        return 0, False  # nothing is billed for a job that failed
    rounds = (job.get("hyperparameters") or {}).get("n_epochs")
    return size // BYTES_A_TOKEN * (rounds if isinstance(rounds, int) and rounds > 0 else 1), True
