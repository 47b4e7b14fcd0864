"""From the configuration to the destinations that it names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from tianji.callbacks import lent as lending
from tianji.callbacks.event import ANONYMOUS, ENDED, EXCEPTIONS, HIDEABLE
from tianji.callbacks.sink import INTERVAL, Given, Sift, Sink
from tianji.callbacks.vendors import ALIASES, BLOCKS, FIELDS, NAMED, TRACED, VENDORS
from tianji.config.lent import NOTHING, Lent
from tianji.config.loader import Loaded
from tianji.config.schema import Config
from tianji.errors import ConfigurationError
from tianji.hooks.naming import own_callbacks
from tianji.lazy import load
from tianji.providers.logins.fetching import Fetch, fetcher

SUCCESS: Final = "success"
FAILURE: Final = "failure"
# names in the lists that other parts of the gateway serve, whether anybody is told or not
ELSEWHERE: Final = frozenset({
    "prometheus", "dynamic_rate_limiter", "dynamic_rate_limiter_v3",
    "bitbucket", "dotprompt", "gitlab", "humanloop",  # sources of prompts
    "websearch_interception",
    "cloudzero", "focus", "mavvrik", "ternary", "vantage",  # exports of bills, by the workers
    "smtp_email", "resend_email", "sendgrid_email",  # say how alerts are mailed
    "detect_prompt_injection", "lakera_prompt_injection", "aporia_prompt_injection", "hide_secrets",
    "openai_moderations", "banned_keywords",  # are guardrails
    "blocked_user_check",  # limits see to it
})  # fmt: skip
FLUSH: Final = "DEFAULT_FLUSH_INTERVAL_SECONDS"
_GENERIC: Final = "generic_api"


def all_sinks(loaded: Loaded) -> tuple[list[Sink], list[str]]:
    """Return the destinations, code of the operator's own among them, and what is to be said of others."""
    sinks, problems = sinks_of(loaded.config, loaded.environment, loaded.lent)
    if own_callbacks(loaded.config):
        own, folder = load("tianji.callbacks.own"), loaded.files[0].parent
        more, faults = own.own_sinks(loaded.config, folder)
        if any(sink.sifted for sink in sinks) and (sift := own.sifting(loaded.config, folder)) is not None:
            sinks = [_sifted(sink, sift) for sink in sinks]
        sinks, problems = [*sinks, *more], [*problems, *faults]
    return sinks, problems


def _sifted(sink: Sink, sift: Sift) -> Sink:
    """Return a destination whose records code of the operator's looks at: in a thread, since it waits for that."""
    written = sink.sifted
    return sink if written is None else replace(sink, write=lambda events: written(events, sift), apart=True)


def sinks_of(config: Config, environ: Mapping[str, str], lent: Lent = NOTHING) -> tuple[list[Sink], list[str]]:
    """Return the destinations, and what is to be said of those that cannot be told: a name, and what to do."""
    sinks: list[Sink] = []
    problems: list[str] = []
    for name, hears in wanted(config).items():
        if name in ELSEWHERE or "." in name:  # code of the operator's own, see own.py
            continue
        try:
            said = lending.said_of(name, lent) if name in lent.callbacks else {}
            sinks += listed(_lent(name, config, environ, said) if said else _made(name, config, environ), name, hears)
        except ConfigurationError as error:
            problems.append(error.message)
    hidden = hidden_in(config)
    return [replace(sink, hidden=hidden) for sink in sinks], problems


def listed(sink: Sink, name: str, hears: frozenset[str]) -> list[Sink]:
    """Return what there is of a destination under a name, of which it hears what it is listed for.

    Raises ConfigurationError where it cannot hear of that.
    """
    beside = (replace(one, foreign=sink.foreign) for one in sink.beside)
    return [_heard(sink, name, hears), *(_heard(one, f"{name} {one.name}", hears) for one in beside)]


def hidden_in(config: Config) -> frozenset[str]:
    """Return the members of events that no destination is told."""
    settings = config.litellm_settings
    named = frozenset(HIDEABLE[name] for name in settings.standard_logging_payload_excluded_fields if name in HIDEABLE)
    whole = {ANONYMOUS: settings.redact_user_api_key_info, EXCEPTIONS: settings.redact_messages_in_exceptions}
    return named | {name for name, hides in whole.items() if hides}


def tells(config: Config) -> bool:
    """Whether the configuration names a destination that this release serves."""
    return any(_known(name, config) for name in wanted(config)) or bool(own_callbacks(config))


def tells_content(config: Config) -> bool:
    """Whether what was said goes to a destination."""
    return tells(config) and not config.litellm_settings.turn_off_message_logging


def tells_traces(config: Config) -> bool:
    """Whether a destination is told where requests belong in a trace, and of their ends."""
    return any(ALIASES.get(name, name) in TRACED for name in wanted(config))


def wanted(config: Config) -> dict[str, frozenset[str]]:
    """Return the names in the lists of callbacks, each once, and of which statuses they hear."""
    settings = config.litellm_settings
    both = (settings.callbacks,) if isinstance(settings.callbacks, str) else settings.callbacks
    found: dict[str, frozenset[str]] = {}
    for names, status in (
        (both, SUCCESS), (both, FAILURE), (settings.success_callback, SUCCESS), (settings.failure_callback, FAILURE),
    ):  # fmt: skip
        for name in names:
            if isinstance(name, str):
                found[name] = found.get(name, frozenset()) | {status}
    return found


def _heard(sink: Sink, name: str, hears: frozenset[str]) -> Sink:
    """Return a destination that hears what it is listed for. Raises ConfigurationError where it cannot hear of that."""
    both = sink.hears & (hears | {ENDED[status] for status in hears})
    if not both:
        raise ConfigurationError(
            f"callback {name}: it is told of {' and '.join(sorted(sink.hears))} alone; name it in "
            f"{' or '.join(f'{status}_callback' for status in sorted(sink.hears))}"
        )
    return replace(sink, name=name, hears=both)


def _known(name: str, config: Config) -> bool:
    own = ALIASES.get(name, name)
    return own in VENDORS or own in NAMED or _is_generic(config.callback_settings.get(name, {}))


def audit_sink(name: str, config: Config, environ: Mapping[str, str]) -> Sink:
    """Return a destination of the audit log, which may have a bucket of its own. Raises ConfigurationError."""
    apart = config.litellm_settings.s3_audit_callback_params
    sink = _made(name, config, environ, apart if ALIASES.get(name, name) == "s3_v2" else {})
    if sink.audited is None:
        raise ConfigurationError(
            f"callback {name}: it takes no entries of the audit log; docs/people.md names those that do"
        )
    return replace(sink, name=name)


def lines_sink(name: str, config: Config, environ: Mapping[str, str]) -> Sink:
    """Return a destination of lines of batches. Raises ConfigurationError."""
    sink = _made(name, config, environ)
    if sink.lined is None:
        raise ConfigurationError(f"callback {name}: it takes no lines of batches; s3_v2, gcs_bucket and code do")
    return replace(sink, name=name)


def _made(
    name: str, config: Config, environ: Mapping[str, str], instead: Mapping[str, Any] = MappingProxyType({})
) -> Sink:
    """Return a destination. `instead`: of what `litellm_settings` says of it, where that is not empty.

    Raises ConfigurationError for one that is not served, or lacks what it needs.
    """
    own = ALIASES.get(name, name)
    params = {**NAMED.get(own, {}), **(instead or _written(own, config)), **config.callback_settings.get(name, {})}
    return made(own, _resolved(params, environ), environ)


def _lent(name: str, config: Config, environ: Mapping[str, str], said: Mapping[str, str]) -> Sink:
    """Return a destination of which the database says something. Raises ConfigurationError.

    Where that is the address, the operator's params and variables have no part in it.
    """
    if lending.PLACES.isdisjoint(said):
        return _made(name, config, {**environ, **said})
    often = {FLUSH: environ[FLUSH]} if FLUSH in environ else {}
    own = {**often, **said}
    fetch = fetcher("a callback", check=lending.checking(config))
    kind = lending.own_name(name)
    return replace(made(kind, _resolved(NAMED.get(kind, {}), own), own, fetch), foreign=True)


def made(name: str, params: Mapping[str, Any], environ: Mapping[str, str], fetch: Fetch | None = None) -> Sink:
    """Return a destination by its params. Raises ConfigurationError for one that is not served, or lacks something."""
    kind = _GENERIC if name in NAMED or _is_generic(params) else name
    if kind not in VENDORS:
        raise ConfigurationError(f"callback {name}: not served by this release; nobody is told")
    given = Given(name, params, environ, fetch or fetcher("a callback"))
    sink: Sink = load(f"{VENDORS[kind]}").build(given)
    often = environ.get(FLUSH) if sink.interval == INTERVAL else None
    try:
        interval = float(often) if often else sink.interval
    except ValueError as error:
        raise ConfigurationError(f"callback {name}: {FLUSH}={often!r} is no number of seconds") from error
    share = sink.share * given.share("sampling_rate")
    bare = given.bare or sink.bare
    return replace(sink, bare=bare, share=share, interval=max(0.05, interval), kind=name)


def _written(name: str, config: Config) -> dict[str, Any]:
    """Return what `litellm_settings` says of a destination."""
    settings = config.litellm_settings
    block: Mapping[str, Any] = getattr(settings, BLOCKS[name]) if name in BLOCKS else {}
    fields = {field: getattr(settings, field) for field in FIELDS.get(name, ())}
    return {**block, **{field: value for field, value in fields.items() if value}}


def _is_generic(params: Mapping[str, Any]) -> bool:
    return params.get("callback_type") == _GENERIC


def _resolved(params: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return parameters with `{{environment_variables.NAME}}` in texts resolved."""
    return {name: _filled(value, environ) for name, value in params.items()}


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(inner, environ) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    head, mark, rest = value.partition("{{environment_variables.")
    variable, end, tail = rest.partition("}}")
    return head + environ.get(variable, "") + _filled(tail, environ) if mark and end else value
