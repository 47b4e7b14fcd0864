"""What several sources may say, and which of them counts."""

import pytest
from msgspec.structs import replace

from tianji.config.inherit import drops_params
from tianji.config.schema import Config, Settings


@pytest.mark.parametrize(
    ("written", "variable", "found"),
    [
        (None, None, None),
        (None, "", None),
        (None, "true", True),
        (None, " 1 ", True),
        (None, "False", False),
        (None, "off", False),
        (False, "true", False),
        (True, "false", True),
    ],
)
def test_parameters_are_dropped_as_the_file_or_a_variable_says(
    written: bool | None, variable: str | None, found: bool | None
) -> None:
    config = replace(Config(), litellm_settings=Settings(drop_params=written))
    assert drops_params(config, {} if variable is None else {"DROP_PARAMS": variable}) is found
