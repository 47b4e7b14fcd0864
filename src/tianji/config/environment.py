"""Environment variables: both spellings of a name, and the `environment_variables` section."""

from collections.abc import Mapping
from typing import Final

from tianji.config.problems import Findings, Place
from tianji.config.secrets import Secrets
from tianji.config.tree import Items, Map

REFERENCE: Final = "os.environ/"
BLOCKED: Final = frozenset(
    [
        "PATH",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONHOME",
        "HOME",
        "USER",
        "SHELL",
        "LOGNAME",
        "NO_PROXY",
        "no_proxy",
        "LITELLM_ENABLE_MCP_STDIO",
        "TIANJI_ENABLE_MCP_STDIO",
    ]
)


def lookup(environ: Mapping[str, str], name: str) -> str | None:
    """Return `LITELLM_<name>`, else of `TIANJI_<name>`, else None; an empty first one gives way to the second."""
    return environ.get("LITELLM_" + name) or environ.get("TIANJI_" + name, environ.get("LITELLM_" + name))


def is_true(value: str | None) -> bool:
    """Whether a variable holds the word true, in any case and with blanks around it."""
    return value is not None and value.strip().lower() == "true"


def export(section: object, environ: Mapping[str, str], secrets: Secrets, findings: Findings) -> dict[str, str]:
    """`environ` with what an `environment_variables` section sets. Nothing is written to the process.

    Values are exported as `str(value)`; an `os.environ/X` value is looked up first, and left out when nobody has it.
    Names that could redirect the loading of code, or the network, are refused with a warning.
    """
    exported = dict(environ)
    if not isinstance(section, Map):
        return exported
    for name, value, place in section.members():
        key = f"environment_variables.{name}"
        if name in BLOCKED:
            findings.warning(place, key, "may not be set from a configuration, so it was skipped", "set it outside")
        elif not name or "=" in name or "\0" in name:
            findings.error(place, key, "not a possible name of a variable", "use letters, digits and underscores")
        elif isinstance(value, Map | Items):
            findings.error(place, key, "an environment variable holds one value", "write text, a number or a boolean")
        elif isinstance(value, str) and value.startswith(REFERENCE):
            found = _referred(value.removeprefix(REFERENCE), secrets.within(exported), place, key, findings)
            if found is not None:
                exported[name] = found
        elif value is not None and "\0" not in (text := str(value)):
            exported[name] = text
    return exported


def _referred(name: str, secrets: Secrets, place: Place, key: str, findings: Findings) -> str | None:
    """Return what a reference stands for, None where nobody has it, which is reported."""
    found, trouble = secrets.find(name)
    if trouble is not None:
        report = findings.error if found is None else findings.warning
        report(place, key, trouble, f"let it be read there, or set {name}")
    elif found is None:
        findings.warning(place, key, f"{name} is not set, so this was skipped", f"set {name}")
    return found
