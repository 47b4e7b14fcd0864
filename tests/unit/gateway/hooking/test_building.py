"""What is said of code that a configuration names and that cannot be used, before anything is served."""

from pathlib import Path

import pytest

from tianji import app
from tianji.cli.judging import untold
from tianji.config.problems import InvalidConfiguration

CONFIG = """
model_list:
- model_name: m
  litellm_params: {model: openai/m, api_base: "http://127.0.0.1:1", api_key: k}
litellm_settings:
  callbacks: [mine.logger, CALLBACK]
  success_callback: [mine.function]
  pre_call_rules: RULE
"""
CODE = """
from litellm.integrations.custom_logger import CustomLogger


class Logger(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        pass


def function(*_):
    return True


logger = Logger()
"""


def written(folder: Path, callback: str = "mine.logger", rule: str = "mine.function") -> Path:
    (folder / "mine.py").write_text(CODE)
    file = folder / "config.yaml"
    file.write_text(CONFIG.replace("CALLBACK", callback).replace("RULE", rule))
    return file


def test_code_that_can_be_used_is_loaded(tmp_path: Path) -> None:
    assert app.read(written(tmp_path), {}).problems == ()


@pytest.mark.parametrize(
    ("callback", "rule", "said"),
    [
        ("mine.Logger", "mine.function", "yaml:6: error: litellm_settings.callbacks[1]: mine.Logger: it is a class"),
        ("mine.nothing", "mine.function", "litellm_settings.callbacks[1]: mine.nothing: mine.py has no nothing"),
        ("mine.logger", "[mine.logger]", "yaml:8: error: litellm_settings.pre_call_rules[0]: mine.logger: it is no"),
        ("mine.logger", "function", "litellm_settings.pre_call_rules: function: 'function' is no dotted name"),
    ],
)  # fmt: skip
def test_what_cannot_stops_the_start_with_its_place(tmp_path: Path, callback: str, rule: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        app.read(written(tmp_path, callback, rule), {})
    assert [problem for problem in caught.value.problems if said in problem]


def test_a_logger_that_would_hear_nothing_is_named(tmp_path: Path) -> None:
    assert untold(app.read(written(tmp_path), {})) == []
    (said,) = untold(app.read(written(tmp_path), {"TIANJI_DISABLE_SPEND_UPDATES": "true"}))
    assert "callbacks hear nothing" in said
