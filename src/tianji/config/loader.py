"""Load: files in, decoded and checked sections out, every problem with its place."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec import Struct

from tianji.config import dotenv, environment, include, references, secret_manager, spelling, yaml11
from tianji.config.checks import Subject, check
from tianji.config.decode import decode
from tianji.config.deployments import Accepts, Builder, available
from tianji.config.lent import NOTHING, Lent
from tianji.config.problems import Findings, InvalidConfiguration, Place, Problem
from tianji.config.schema.root import SECTIONS, Config
from tianji.config.secrets import NO_MANAGERS, Managers, Secrets
from tianji.config.tree import Items, Map


class Loaded(Struct, frozen=True, kw_only=True):
    """A configuration that can be used.

    `files` are all the files read, the configuration first, for watching. `environment` is the environment with
    `.env` and `environment_variables` applied; the process's own is untouched. `tree` is the merged text, with
    references unresolved and places kept, for reports. `secrets` is what the references stand for. `lent` is what the
    database adds for destinations.
    """

    config: Config
    problems: tuple[Problem, ...]
    files: tuple[Path, ...]
    environment: Mapping[str, str]
    tree: Map
    secrets: Secrets
    lent: Lent = NOTHING


def load(
    path: Path,
    environ: Mapping[str, str],
    *,
    directory: Path | None = None,
    accepts: Accepts | None = None,
    managers: Managers = NO_MANAGERS,
) -> Loaded:
    """Read, merge, resolve, decode and check the configuration at `path`.

    `directory` is where `.env` is looked for, by default the working directory. `accepts` may refuse single
    deployments, such as those of an unknown provider; these are dropped and reported. `managers` says how the secret
    manager that it names is opened; with that, this may wait for other machines.

    Raises InvalidConfiguration with every problem when any of them is fatal.
    """
    findings = Findings()
    files: list[Path] = []

    def read(file: Path) -> object:
        data = _bytes(file, findings)
        value = None if data is None else yaml11.read(file, data, findings)
        return spelling.unify(value, spelling.TOP, "", findings) if isinstance(value, Map) else value

    gathered = include.gather(path, read, findings)
    files.extend(gathered.files)
    _require(findings, path)
    if not gathered.tree:
        findings.error(Place(path, 0), "", "the configuration is empty", "begin with `model_list:`")
        _require(findings, path)
    tree = spelling.name_callbacks(gathered.tree)
    environ = _with_dotenv(directory or Path.cwd(), environ, files, findings)
    secrets = secret_manager.settle(tree, environ, managers, findings)
    environ = environment.export(tree.get("environment_variables"), environ, secrets, findings)
    secrets = secrets.within(environ)
    config = _decode(tree, secrets, environ, findings, accepts)
    check(Subject(config=config, tree=tree, environ=environ, directory=path.parent, findings=findings))
    _require(findings, path)
    return Loaded(
        config=config,
        problems=findings.problems,
        files=tuple(files),
        environment=MappingProxyType(environ),
        tree=tree,
        secrets=secrets,
    )


def _bytes(file: Path, findings: Findings) -> bytes | None:
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a possible name"
        findings.error(Place(file, 0), "", f"cannot be read: {reason}", "name a file that exists and is readable")
        return None


def _with_dotenv(
    directory: Path, environ: Mapping[str, str], files: list[Path], findings: Findings
) -> Mapping[str, str]:
    file = directory / ".env"
    if environment.lookup(environ, "MODE") == "PRODUCTION" or not file.is_file():
        return environ
    data = _bytes(file, findings)
    if data is None:
        return environ
    files.append(file)
    return dotenv.overlay(environ, dotenv.read(file, data, findings))


def _require(findings: Findings, path: Path) -> None:
    if findings.fatal:
        count = sum(problem.fatal for problem in findings.problems)
        raise InvalidConfiguration(f"{path} cannot be used: {count} error{'s' * (count > 1)}", findings.problems)


def _decode(
    tree: Map, secrets: Secrets, environ: Mapping[str, str], findings: Findings, accepts: Accepts | None
) -> Config:
    members = []
    for key, value, place in tree.members():
        if key in SECTIONS and key != "environment_variables":  # those are exported already
            wanted = available(value, environ) if key == "model_list" else value
            value = references.resolve(key, wanted, secrets, findings)  # noqa: PLW2901
        members.append((key, value, place))
    resolved = Map(tree.place, members)
    sections = Map(
        tree.place,
        [
            (key, _renamed(key, value, findings), place)
            for key, value, place in resolved.members()
            if key != "model_list" and not key.startswith("x-")
        ],
    )
    builder = Builder(resolved.get("credential_list"), environ, findings, accepts, _customs(sections))
    models = builder.build(resolved.get("model_list"), resolved.places.get("model_list"))
    config = decode(Config, sections, "", findings) or Config()
    general = config.general_settings
    written = sections.get("general_settings")
    if not isinstance(written, Map) or "master_key" not in written:
        general = msgspec.structs.replace(general, master_key=environment.lookup(environ, "MASTER_KEY"))
    return msgspec.structs.replace(
        config,
        model_list=tuple(entry for entry in models if not entry.params.is_auto_router),
        auto_routers=tuple(entry for entry in models if entry.params.is_auto_router),
        general_settings=general,
    )


def _customs(sections: Map) -> frozenset[str]:
    """Return the names of the providers in `custom_provider_map`."""
    settings = sections.get("litellm_settings")
    rows = settings.get("custom_provider_map") if isinstance(settings, Map) else None
    found = [row.get("provider") for row in rows if isinstance(row, Map)] if isinstance(rows, Items) else []
    return frozenset(name for name in found if isinstance(name, str))


def _renamed(key: str, value: object, findings: Findings) -> object:
    """Bring the keys of a section, or of each of its entries, to one spelling."""
    if isinstance(value, Map):
        return spelling.unify(value, spelling.SECTIONS.get(key, spelling.ENTRY), key, findings)
    if isinstance(value, Items):
        members = [
            (
                spelling.unify(entry, spelling.ENTRY, f"{key}[{index}]", findings) if isinstance(entry, Map) else entry,
                at,
            )
            for index, entry, at in value.members()
        ]
        return Items(value.place, members)
    return value
