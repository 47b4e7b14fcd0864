"""What a worker does about traces, by the configuration."""

from collections.abc import Mapping

from tianji._core.requests.tracing import Tracing
from tianji.config.environment import is_true
from tianji.config.schema import Config
from tianji.gateway.bookkeeping import keeps_books, tells
from tianji.lazy import load


def tracing(config: Config, environ: Mapping[str, str]) -> Tracing | None:
    """Return it; None, so that no request pays for it, where nobody is told of traces.

    Destinations are told where one of them wants that and the ledger is kept, upstreams where
    `forward_traceparent_to_llm_provider` is set.
    """
    records = (
        tells(config) and keeps_books(config, environ) and bool(load("tianji.callbacks.settings").tells_traces(config))
    )
    forwards = config.litellm_settings.forward_traceparent_to_llm_provider
    if not records and not forwards:
        return None
    heeds = not is_true(environ.get("OTEL_IGNORE_CONTEXT_PROPAGATION"))
    return Tracing(records=records, forwards=forwards, heeds=heeds)
