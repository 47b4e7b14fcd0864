"""What papers and docstrings say of the program is so: commands, flags, targets of make, the tree of errors."""

import re
from pathlib import Path

import click
import pytest

from tianji import errors
from tianji.cli import main

ROOT = Path(__file__).parents[2]
PAPERS = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), ROOT / "Dockerfile", *ROOT.glob("deploy/*"))
)
COMMAND = re.compile(r"\btianji(?:\"\]\s+CMD \[\"| )(serve|check|mock|version|[a-z]+(?= --))\b([^`\n]*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(r"`(\w+(?:/\w+)+)(?:\.pyx?)?`")  # `routing/queue`, `_core/edges/asgi.pyx`
FLAG = re.compile(r"(?<=[\s\"])--?[a-zA-Z][\w-]*")
TREE = re.compile(
    r"^ {4}([│ ├└─]*)(\w+) +(\d{3}|-|as the upstream said)(?:[: ]+(\w+_error|client_disconnect))?", re.MULTILINE
)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_commands_and_flags_exist(paper: Path) -> None:
    for name, rest in COMMAND.findall(paper.read_text()):
        command = main.get_command(click.Context(main), name)
        assert command is not None, f"there is no `tianji {name}`"
        known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        assert set(FLAG.findall(rest)) <= known, f"tianji {name}{rest}"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_links_lead_somewhere(paper: Path) -> None:
    links = {link.partition("#")[0] for link in LINK.findall(paper.read_text())}
    gone = [link for link in links if "://" not in link and link and not (paper.parent / link).exists()]
    assert gone == []


def test_modules_that_the_architecture_names_exist() -> None:
    named = set(MODULE.findall((ROOT / "ARCHITECTURE.md").read_text()))
    places = [ROOT / "src" / "tianji", ROOT / "ext" / "tianji", ROOT]
    files = [(name, place / f"{name}{end}") for name in named for place in places for end in ("", ".py", ".pyx")]
    assert named
    assert sorted(named - {name for name, file in files if file.exists()}) == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} <= linked


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for paper in PAPERS for name in re.findall(r"(?:`|\$ |[A-Z_]+=\S+ )make ([a-z]+)", paper.read_text())}
    assert {"serve", "test", "lint", "build", "bench"} <= named
    assert named <= targets


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    found = {
        name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    drawn = TREE.findall(errors.__doc__ or "")
    assert sorted(name for _, name, _, _ in drawn) == sorted(found)
    path: list[str] = []
    for branch, name, status, wire_type in drawn:
        depth = len(branch) // 4
        path[depth:] = [name]
        kind = found[name]
        if depth:
            assert kind.__base__ is found[path[depth - 1]]
        if status.isdigit():
            assert (kind.status, wire_type or kind.type) == (int(status), kind.type)
