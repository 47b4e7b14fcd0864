"""Whether what management changes is kept in a log."""

from collections.abc import Mapping

from tianji.config.environment import is_true, lookup
from tianji.config.schema.root import Config


def keeps_audit_log(config: Config, environ: Mapping[str, str]) -> bool:
    """Whether it is kept: as the configuration says, else LITELLM_STORE_AUDIT_LOGS; it is not where neither does."""
    said = config.litellm_settings.store_audit_logs
    return is_true(lookup(environ, "STORE_AUDIT_LOGS")) if said is None else said
