"""What an import brings along: the command line starts light, and a command pays for what it uses."""

import json
import os
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"
MODULES = 120  # what `tianji.cli` may bring along, click and the standard library included; it was 68 when this was set

# what only some requests, some configurations or the command line need; each costs every worker memory
RARE = {
    "dataclasses",
    "difflib",
    "email",
    "gzip",
    "html",
    "http.client",
    "importlib.resources",
    "logging.config",
    "multiprocessing",
    "random",
    "tempfile",
    "tianji.cli",
    "tianji.config.report",
    "tianji.egress.client",
    "tianji.egress.pool",
    "tianji.guardrails.vendor",
    "tianji.protocol.cohere.outbound",
    "tianji.providers.own.oci",
    "tianji.routing.auto.compile",
    "tianji.gateway.upkeep.probes",
    "tianji.management.status.openapi",
    "urllib.request",
}
RARE_PACKAGES = {"granian", "httpx", "h2", "openai", "click", "rich", "redis", "tiktoken", "picows"}


def imported(statement: str) -> set[str]:
    """Run `statement` in an interpreter of its own; the modules that were not there before."""
    count = "new = set(sys.modules) - before; import json; print(json.dumps(sorted(new)))"
    code = f"import sys; before = set(sys.modules); {statement}; {count}"
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_the_package_itself_brings_nothing() -> None:
    assert packages(imported("import tianji")) == {"tianji"}


def test_the_command_line_is_light() -> None:
    modules = imported("import tianji.cli")
    assert len(modules) <= MODULES
    assert {name for name in packages(modules) if name not in sys.stdlib_module_names} == {"tianji", "click"}
    assert modules.isdisjoint({"asyncio", "ssl", "socket", "subprocess", "tianji.config", "tianji.app"})


def test_telling_the_version_loads_nothing_more() -> None:
    modules = imported("from tianji.cli import main; main(['version'], standalone_mode=False)")
    assert {name for name in packages(modules) if name not in sys.stdlib_module_names} == {"tianji", "click"}


def test_judging_a_configuration_loads_no_server() -> None:
    file = SRC.parent / "examples" / "production.yaml"
    modules = imported(f"from tianji.cli import main; main(['check', {str(file)!r}], standalone_mode=False)")
    assert packages(modules) >= {"tianji", "yaml", "msgspec"}
    assert packages(modules).isdisjoint({"granian", "httpx", "openai"})


def test_a_worker_loads_only_what_requests_need() -> None:
    file = SRC.parent / "examples" / "production.yaml"
    start = f"app.rehearse(app.read(Path({str(file)!r}), os.environ))"
    modules = imported(f"import os, tianji.edge.native; from pathlib import Path; from tianji import app; {start}")
    assert modules >= {"tianji.gateway.compiled.snapshot", "tianji.egress.connector", "yaml", "uvloop"}
    assert modules.isdisjoint(RARE)
    assert packages(modules).isdisjoint(RARE_PACKAGES)


def test_an_auto_router_brings_a_model_only_when_it_has_one() -> None:
    foreign = {
        name for name in packages(imported("import tianji.routing.auto.compile")) if name not in sys.stdlib_module_names
    }
    assert foreign.isdisjoint({"numpy", "model2vec", "tokenizers", "re2"})


def test_a_parent_leaves_to_its_workers_what_they_need() -> None:
    modules = imported("import tianji.cli.serve")
    assert modules >= {"tianji.edge.processes.parent", "tianji.cli.factory"}
    assert modules.isdisjoint(RARE - {"tianji.cli"})
    assert modules.isdisjoint({"asyncio", "hashlib", "ssl", "subprocess", "tianji.app", "tianji.config", "yaml"})
    foreign = {name for name in packages(modules) if name not in sys.stdlib_module_names and "cython" not in name}
    assert foreign <= {"tianji", "click", "msgspec", "typing_extensions"}  # msgspec takes the last where it finds it
