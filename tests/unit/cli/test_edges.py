"""Which server is chosen, and what is said of it."""

import pytest

from tianji.cli import serve
from tianji.cli.edges import AUTO, EDGES, GRANIAN, NATIVE, choose

TALKS = "model `voice` holds realtime sessions"


@pytest.mark.parametrize(
    ("given", "edge", "said"),
    [
        ({}, GRANIAN, "Granian edge: nothing in the configuration means realtime sessions; --edge native overrides"),
        ({"conversations": TALKS}, NATIVE, f"native edge: {TALKS}; --edge granian overrides"),
        ({"successor": True}, NATIVE, "takes the place of one that serves with it"),
        ({"successor": True, "conversations": TALKS}, NATIVE, "takes the place of one that serves with it"),
        ({"wish": "--granian_threads"}, GRANIAN, ""),
        (
            {"wish": "--granian_threads", "conversations": TALKS},
            GRANIAN,
            f"--granian_threads has Granian serve, and {TALKS}",
        ),
        (
            {"named": GRANIAN, "conversations": TALKS},
            GRANIAN,
            f"warning: --edge granian has Granian serve, and {TALKS}",
        ),
        ({"named": GRANIAN, "wish": "--run_granian", "conversations": TALKS}, GRANIAN, "--edge granian has Granian"),
        ({"named": GRANIAN}, GRANIAN, ""),
        ({"named": NATIVE}, NATIVE, ""),
        ({"named": NATIVE, "wish": "--run_hypercorn", "conversations": TALKS}, NATIVE, ""),
    ],
)
def test_which_server_serves_and_why(given, edge, said):
    choice = choose(**{"named": AUTO, "conversations": "", **given})
    assert choice.edge == edge
    assert said in choice.said
    assert bool(choice.said) is bool(said)
    assert ("docs/deploy.md" in choice.said) is (edge == GRANIAN and TALKS in choice.said)


def test_only_who_was_chosen_for_want_of_any_is_surprised_by_a_socket():
    surprised = [(named, talks) for named in EDGES for talks in ("", TALKS) if choose(named, talks).surprised]
    assert surprised == [(AUTO, "")]


@pytest.mark.parametrize(
    ("flags", "variables", "edge"),
    [
        ((), {}, NATIVE),
        (("--granian_threads", "2"), {}, GRANIAN),
        (("--run_granian",), {}, GRANIAN),
        (("--run_hypercorn",), {}, GRANIAN),
        ((), {"GRANIAN_RUNTIME_THREADS": "2"}, GRANIAN),
        ((), {"TIANJI_EDGE": "granian"}, GRANIAN),
        (("--edge", "auto"), {"TIANJI_EDGE": "granian"}, NATIVE),
        (("--edge", "native", "--run_granian"), {}, NATIVE),
    ],
)
def test_flags_and_variables_that_name_a_server(monkeypatch, capsys, flags, variables, edge):
    for name in ("TIANJI_EDGE", "GRANIAN_RUNTIME_THREADS", "TIANJI_GRANIAN_RUNTIME_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    given = serve.command.make_context("serve", ["--quickstart", *flags]).params
    of_server = serve.Flags(**{name: given[name] for name in serve.Flags.__struct_fields__})
    choice = serve._choose(of_server, TALKS, successor=False)
    assert choice.edge == edge
    assert capsys.readouterr().err == (f"{choice.said}\n" if choice.said else "")
