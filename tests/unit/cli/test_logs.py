import json
import logging
import sys

import pytest

from tianji.cli.logs import JSONFormatter, TextFormatter


def record(message):
    try:
        raise ValueError("bad\x1b[31m thing")
    except ValueError:
        made = logging.LogRecord("tianji.x", logging.WARNING, __file__, 1, "%s", (message,), sys.exc_info())
    made.created, made.msecs = 1_700_000_000.25, 250
    return made


@pytest.mark.parametrize("message", ["plain", "two\nlines", "\x1b[2Jcleared", "a\r\nb", "\x85\x9b"])
def test_nobody_writes_lines_or_colours_into_the_log(message):
    text = TextFormatter().format(record(message))
    first, *rest = text.split("\n")
    assert first.startswith("2023-11-14T22:13:20.250Z WARNING tianji.x ")
    assert all(line.startswith("    ") for line in rest)
    assert not set(text) & set("\x1b\r\x85\x9b")
    entry = json.loads(JSONFormatter().format(record(message)))
    assert (entry["message"], entry["level"]) == (message, "warning")
    assert "\n" not in JSONFormatter().format(record(message))
