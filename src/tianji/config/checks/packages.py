"""What a configuration asks for that is not installed: the extras of the package."""

from importlib.util import find_spec
from typing import Final

from tianji.config.checks.subject import Subject

_ABSENT: Final = "needs the package h2, which is not installed"
_REMEDY: Final = "pip install 'tianji[http2]', or leave it out"


def check(subject: Subject) -> None:
    """Check that HTTP/2 can be spoken where it is wanted."""
    if find_spec("h2") is not None:
        return
    if subject.config.litellm_settings.http2:
        subject.error(("litellm_settings", "http2"), _ABSENT, _REMEDY)
    for entry in subject.config.model_list:
        if entry.params.http2:
            subject.findings.error(entry.place, f"{entry.model_name}: litellm_params.http2", _ABSENT, _REMEDY)
