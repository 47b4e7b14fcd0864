"""What clients get where a guardrail refuses, or cannot judge."""

from collections.abc import Mapping
from typing import ClassVar

from tianji.errors import TianjiError


class GuardrailBlocked(TianjiError):  # noqa: N818 - named like its neighbours in the error tree
    """A guardrail refuses the request, or the answer to it. `guardrail`: its name."""

    status = 400
    type: ClassVar[str] = "invalid_request_error"

    def __init__(self, message: str, guardrail: str, specific: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.guardrail = guardrail
        self.specific = specific


class GuardrailUnavailable(TianjiError):  # noqa: N818 - likewise
    """A guardrail that has to be asked could not judge; what it was to look at goes nowhere."""

    def __init__(self, guardrail: str) -> None:
        super().__init__(f"the guardrail {guardrail} could not judge, so this was stopped: try again")
        self.guardrail = guardrail
