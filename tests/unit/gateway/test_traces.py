"""Who is told of traces, by the configuration."""

from tianji._core.requests.tracing import Tracing
from tianji.config.schema import Config, GeneralSettings, Settings
from tianji.gateway.traces import tracing


def configured(*names: str, forwards: bool = False, books: bool = True) -> Config:
    return Config(
        general_settings=GeneralSettings(disable_spend_updates=not books),
        litellm_settings=Settings(callbacks=names, forward_traceparent_to_llm_provider=forwards),
    )


def wishes(config: Config, **environ: str) -> tuple[bool, bool, bool] | None:
    found = tracing(config, environ)
    assert found is None or isinstance(found, Tracing)
    return None if found is None else (found.records, found.forwards, found.heeds)


def test_nobody_pays_where_nobody_is_told() -> None:
    assert wishes(configured()) is None
    assert wishes(configured("langfuse", "generic_api")) is None
    assert wishes(configured("otel", books=False)) is None


def test_destinations_and_upstreams() -> None:
    assert wishes(configured("otel")) == (True, False, True)
    assert wishes(configured("langfuse", "phoenix", forwards=True)) == (True, True, True)
    assert wishes(configured(forwards=True)) == (False, True, True)
    assert wishes(configured("otel"), OTEL_IGNORE_CONTEXT_PROPAGATION="True") == (True, False, False)
