"""How the edges behave under a configuration and an environment."""

from collections.abc import Mapping

from tianji._core.sharing.shm import SharedCounters
from tianji.config.environment import lookup
from tianji.edge.application import Cors, EdgeSettings, Limits
from tianji.edge.refusals import Refusals
from tianji.gateway.compiled.operations import own_error_body
from tianji.gateway.compiled.snapshot import Snapshot


def edge_settings(snapshot: Snapshot, environ: Mapping[str, str], counters: SharedCounters) -> EdgeSettings:
    """How the edge behaves under this configuration and environment. counters: those of all workers."""
    origins = lookup(environ, "CORS_ORIGINS") or "*"
    credentials = lookup(environ, "CORS_ALLOW_CREDENTIALS") or ""
    general = snapshot.config.general_settings
    most, waiting = general.max_in_flight_requests_per_worker or 0, general.max_queued_requests_per_worker
    return EdgeSettings(
        limits=Limits(
            max_body=snapshot.max_body,
            max_upload=snapshot.max_upload,
            most_inside=most,
            most_waiting=most if waiting is None else waiting,
            patience=general.admission_queue_timeout_seconds,
        ),
        cors=Cors(
            origins=tuple(origin.strip() for origin in origins.split(",") if origin.strip()),
            credentials=credentials.lower() == "true",
        ),
        root_path=environ.get("SERVER_ROOT_PATH", ""),
        strict_transport=(lookup(environ, "ENABLE_HSTS") or "").lower() == "true",
        own_error_body=own_error_body,
        on_refusal=Refusals(counters),
    )
