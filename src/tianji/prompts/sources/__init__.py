"""Where prompts come from: one module each, whose `build(given)` returns a Source."""

from collections.abc import Mapping
from typing import Final

SOURCES: Final[Mapping[str, str]] = {
    name: f"tianji.prompts.sources.{module}"
    for name, module in (
        ("arize_phoenix", "phoenix"),
        ("bitbucket", "bitbucket"),
        ("dotprompt", "local"),
        ("generic_prompt_management", "generic"),
        ("gitlab", "gitlab"),
        ("humanloop", "humanloop"),
        ("langfuse", "langfuse"),
    )
}
