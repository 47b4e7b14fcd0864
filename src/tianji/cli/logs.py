"""The log on stderr: one line an event, as text or as JSON."""

import json
import logging
import sys
import time

from tianji.printable import printable


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z WARNING tianji.x message`; a traceback follows on lines of its own, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        stamp = f"{second}.{int(record.msecs):03d}Z"
        line = printable(f"{stamp} {record.levelname} {record.name} {record.getMessage()}")
        if record.exc_info:
            line += "".join("\n    " + printable(part) for part in self.formatException(record.exc_info).split("\n"))
        return line


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        entry: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure(form: str, level: int) -> None:
    """Send everything of at least `level` to stderr. `form`: text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level, force=True)
