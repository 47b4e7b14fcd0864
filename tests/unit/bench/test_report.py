"""The parts of the benchmark that are pure: figures, promises, tables, plot, plan, recipes."""

import xml.etree.ElementTree as ET
from typing import Any

import msgspec
import pytest
import yaml
from bench import readme
from bench.__main__ import given_peers, plan_of
from bench.figures import CROWD, TITLES, figures
from bench.macro.cells import (
    FULL,
    KB_1,
    KB_400,
    ONE,
    OPEN,
    PACED,
    QUICK,
    SMALL,
    Cell,
    Crowd,
    Row,
    Sample,
    request_bytes,
)
from bench.macro.noise import objections
from bench.macro.plot import svg
from bench.macro.report import aligned, crowd_table, main_table, number, promise_table
from bench.macro.stats import middle, percentile, spread
from bench.macro.targets import (
    NGINX,
    PACED_MODELS,
    PACES,
    PEERS,
    PRICED,
    Target,
    builtin,
    defaults,
    filled,
    peer,
    recipe,
    recipes,
)
from bench.promises import PROMISES, judge
from click import BadParameter
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (1.0, 100)])
def test_percentile(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted), st.floats(0, 1))
def test_percentile_is_a_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(v <= found for v in values) >= int(share * 1_000_000) * len(values) / 1_000_000


def test_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_spread() -> None:
    assert spread([100, 90, 110]) == pytest.approx(0.2)
    assert spread([0, 0]) == 0


PEER_CPU = {"litellm": 4000.0, "quick": 60.0}


def row(name: str, samples: dict[Cell, list[Sample]] | None = None, **fields: Any) -> Row:
    command = () if name == "direct" else ("run",)
    by_name = {cell.name: found for cell, found in (samples or {}).items()}
    return Row(Target(name, command), samples=by_name, **fields)


def run_of(*rows: Row) -> dict[str, Any]:
    """A run as its file gives it back."""
    about = {
        "at": "20260102-030405",
        "machine": {"cores": 2, "cpu": "x", "python": "3", "packages": {"a": "1"}},
        "rounds": 1,
        "seconds": 1.0,
        "objections": [],
    }
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(about | {"rows": [r.as_data() for r in rows]}))
    return decoded


def whole_run() -> dict[str, Any]:
    crowd = Crowd(streams=CROWD, pace=10, events=9, longest_gap=120.0, cpu_event=12.0, kib_a_stream=30.0)
    return run_of(
        row("direct", {SMALL: [Sample(cpu=5, answers=9)]}),
        row(
            "nginx",
            {
                SMALL: [Sample(cpu=10, answers=9)],
                KB_400: [Sample(cpu=32, answers=9)],
                PACED: [Sample(cpu_event=8)],
            },
            idle_mib=12.5,
        ),
        row("hello", {SMALL: [Sample(cpu=20, answers=9)]}),
        row(
            "native",
            {
                SMALL: [Sample(cpu=c, answers=9) for c in (15, 12, 99)],
                KB_1: [Sample(cpu=16, answers=9)],
                KB_400: [Sample(cpu=64, answers=9), Sample(cpu=1, answers=1, failures=2, problem="status 500")],
                OPEN: [Sample(added_p50=40, added_p99=-3, share=0.6, answers=9)],
                PACED: [Sample(cpu_event=16)],
            },
            idle_mib=50.0,
            start_seconds=0.4,
            crowd=crowd,
        ),
        row("absent", problem="did not start: no such file"),
    )


def test_figures_are_medians_without_the_failed() -> None:
    found = figures(whole_run())
    native = found["native"]
    assert (native["cpu"], native["cpu_400k"], native["cpu_4k"]) == (15, 64, None)
    assert native["rate_core"] == pytest.approx(1e6 / 15)
    assert (native["cpu_nginx"], native["cpu_hello"], native["chunk_nginx"]) == (1.5, 0.75, 2.0)
    assert native["rate_nginx"] == pytest.approx(1 / 1.5)
    assert native["big_nginx"] == 2
    assert native["crowd_faults"] == 0
    assert found["direct"]["cpu_nginx"] is None  # it is no gateway
    assert found["nginx"]["cpu_nginx"] == 1
    assert found["hello"]["chunk_nginx"] is None
    assert found["absent"]["cpu"] is None


def test_a_smaller_crowd_says_nothing_of_the_promised_one() -> None:
    crowds = [Crowd(streams=CROWD - 1), Crowd(streams=CROWD - 1, failures=1), Crowd(streams=CROWD, stalls=2)]
    run = run_of(*(row(str(i), crowd=crowd) for i, crowd in enumerate(crowds)))
    assert [values["crowd_faults"] for values in figures(run).values()] == [None, 1, 2]


def test_promises_are_met_missed_or_not_measured() -> None:
    verdicts = {v.promise.figure: v for v in judge(figures(whole_run())) if v.promise.row == "native"}
    met = {name: verdict.met for name, verdict in verdicts.items()}
    assert met == {
        "cpu_nginx": True,
        "rate_nginx": True,
        "chunk_nginx": False,
        "load_p99": True,
        "big_nginx": False,
        "start_seconds": True,
        "idle_mib": True,
        "crowd_faults": True,
        "rate_litellm": None,
        "rate_peers": None,
    }
    assert {v.met for v in judge(figures(whole_run())) if v.promise.row == "granian"} == {None}
    least = judge({"native": {"rate_nginx": 0.64}})
    assert [v.met for v in least if v.seen is not None] == [False]


def test_peers_are_held_against_the_best_of_them() -> None:
    peers = [Row(Target(name, peer=True), samples={SMALL.name: [Sample(cpu=cpu)]}) for name, cpu in PEER_CPU.items()]
    found = figures(run_of(row("native", {SMALL: [Sample(cpu=20)]}), *peers))
    assert found["native"]["rate_litellm"] == 200
    assert found["native"]["rate_peers"] == 3
    assert {verdict.promise.figure: verdict.met for verdict in judge(found) if verdict.met is not None} == {
        "rate_litellm": True,
        "rate_peers": True,
    }


def test_every_promise_has_one_bound_and_a_figure() -> None:
    known = set(figures(run_of(row("native")))["native"])
    for promise in PROMISES:
        assert (promise.most is None) != (promise.least is None)
        assert promise.figure in known
        assert promise.row in {target.name for target in builtin()}


def test_the_table_shows_failures_as_failures() -> None:
    lines = main_table(whole_run())
    assert len(lines) == 6
    assert lines[0].split()[:4] == ["req/s", "a", "core", "µs"]
    native, absent = lines[4].split(), lines[5].split()
    assert native[:7] == ["native", "66,667", "15", "16", "-", "-", "64"]
    assert native[7:13] == ["16", "-", "-", "+40", "-3", "60%"]
    assert lines[4].endswith("FAILED 2: plain 400 KB c=32: status 500")
    assert absent[: len(TITLES) + 1] == ["absent", *["-"] * len(TITLES)]
    assert lines[5].endswith("FAILED: did not start: no such file")


def test_crowds_have_a_table_of_their_own() -> None:
    lines = crowd_table(whole_run())
    assert lines[1].split() == ["native", "4,000", "10", "0", "0", "120", "12", "30"]
    assert crowd_table(run_of(row("nginx"))) == []
    noisy = crowd_table(run_of(row("x", crowd=Crowd(streams=1, loader_busy=0.95, failures=3, problem="gone"))))
    assert noisy[1].endswith("mock and client at 95% of their cores; FAILED 3: gone")


def test_promises_as_text() -> None:
    lines = promise_table(whole_run())
    assert len(lines) == len(PROMISES) + 1
    assert [line.split()[-1] for line in lines[1:5]] == ["met", "measured", "met", "MISSED"]
    assert lines[-1].endswith("not measured")


def test_the_readme_shows_what_ran_and_what_was_measured() -> None:
    run = whole_run()
    table = readme.table(run)
    assert table[1].count("---") == len(readme.COLUMNS) + 1
    assert [text.split(" | ")[0] for text in table[2:]] == [
        "| nginx `proxy_pass`",
        "| bare Granian application, answers by itself",
        "| Tianji, native edge, with keys",
    ]
    assert "| 15 | 1.50 | 66,667 | - | 16 | -3 | 50 | 0.40 |" in table[4]
    promised = readme.promises(figures(run))
    assert len(promised) == 3 + 8  # those of the native edge, without peers
    assert promised[5].endswith("| <= 1.4 | 2 | **missed** |")
    assert readme.promises({}) == []
    assert "One run on 2026-01-02: 2 cores of x" in readme.notes(run)[1]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0"), (1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (-3, "-3")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_columns_line_up() -> None:
    lines = aligned([("", "one", "two", ""), ("name", "1", "22222", "why")])
    assert lines == ["      one    two", "name    1  22222  why"]


def test_medians_leave_out_what_is_missing() -> None:
    assert middle([1, None, 3]) == 2
    assert middle([None]) is None


def test_objections() -> None:
    assert objections([row("good", {SMALL: [Sample(cpu=100), Sample(cpu=105)]})], 0.1) == []
    rows = [
        row("a", {SMALL: [Sample(cpu=100, other_load=0.5)]}),
        row("b", {OPEN: [Sample(loader_busy=0.95)], SMALL: [Sample(loader_busy=1.0)]}),
        row("c", {SMALL: [Sample(cpu=100, rate=1), Sample(cpu=120, rate=1), Sample()]}),
        row("d", {PACED: [Sample(cpu_event=10, cpu=1), Sample(cpu_event=10, cpu=2)]}),
        row("e", {ONE: [Sample(p50=10, cpu=1), Sample(p50=13, cpu=1)]}),
    ]
    found = objections(rows, 0.3)
    assert found == [
        "other processes used 0.30 cores before the run (limit 0.2)",
        "other processes used up to 0.50 cores in 1 of 6 measurements",
        f"b, {OPEN.name}: the open loop was busy 95% of its time, and waited for",
        f"c, {SMALL.name}: rounds lie 18% apart",
        f"e, {ONE.name}: rounds lie 26% apart",
    ]


def test_a_plot_takes_what_noise_made_negative() -> None:
    root = ET.fromstring(svg({"added": {"a": -3.0, "b": 0.0, "c": 200.0}, "all": {"d": -1.0}}, "t"))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.get("width", "")) for bar in root.findall(f"{space}rect")[1:]]
    assert widths[:2] == [2.0, 2.0]
    assert widths[2] > 100
    assert "-3" in [text.text for text in root.findall(f"{space}text")]


def test_plot_is_xml_with_a_bar_for_each_value() -> None:
    drawn = svg({"req/s <fast>": {"a": 10.0, "b": 1000.0, "c": None}, "empty": {"d": None}}, "a & b")
    root = ET.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{space}rect")[1:]
    assert len(bars) == 2
    assert float(bars[0].get("width", "")) < float(bars[1].get("width", ""))
    assert [text.text for text in root.findall(f"{space}text")].count("failed") == 2


@pytest.mark.parametrize("size", [200, 4000, 150_000, 400_000])
@pytest.mark.parametrize("pace", [0, *PACES])
def test_requests_are_as_long_as_the_cell_says(size: int, pace: int) -> None:
    target = Row(Target("x", headers={"authorization": "Bearer {key}"}), values={"address": "h:1", "key": "k"})
    head, _, body = request_bytes(target, size, pace).partition(b"\r\n\r\n")
    assert len(body) == size
    assert f"content-length: {size}".encode() in head
    assert b"authorization: Bearer k" in head
    decoded = msgspec.json.decode(body)
    assert decoded.get("stream", False) is bool(pace)
    assert decoded["model"] == (PACED_MODELS[pace] if pace else "demo")


def test_rows_are_measured_where_they_can_be_compared() -> None:
    deaf = Row(Target("deaf", paces=False, largest=4000))
    assert [cell for cell in FULL if deaf.takes(cell)] == [c for c in FULL if c.size <= 4000 and not c.pace]
    deaf.problem = "died"
    assert not any(deaf.takes(cell) for cell in FULL)


def test_plans() -> None:
    full = plan_of(quick=False, rounds=None, seconds=None, streams=None)
    assert (full.rounds, full.streams) == (3, CROWD)
    assert len({cell.name for cell in full.cells}) == len(full.cells)
    assert {cell.size for cell in full.cells} == {200, 1000, 4000, 150_000, 400_000}
    assert full.cells.index(SMALL) < full.cells.index(OPEN)  # which takes its rate from it
    quick = plan_of(quick=True, rounds=None, seconds=None, streams=None)
    assert set(QUICK) < set(FULL)
    assert (quick.rounds, quick.streams) == (1, 0)
    assert plan_of(quick=False, rounds=5, seconds=2, streams=0) == type(full)(FULL, 5, 2, 0)


@pytest.mark.parametrize("name", recipes())
def test_recipes_can_be_filled(name: str) -> None:
    target = peer(name)
    values = defaults(4321, "127.0.0.1:9", PEERS)
    texts = [*target.command, *target.files.values(), *target.env.values(), *target.headers.values()]
    done = "".join(filled(text, values) for text in texts)
    assert "4321" in done
    assert "127.0.0.1:9" in done
    assert recipe(name)["setup"]


def test_builtin_rows_can_be_filled() -> None:
    values = defaults(4321, "127.0.0.1:9", PEERS) | {"user": ""}
    assert builtin()[0] == Target("direct")
    for target in builtin():
        for text in (*target.command, *target.files.values()):
            filled(text, values)
    assert "server { listen" in " ".join(filled(NGINX, values).split())


def test_the_gateways_know_every_paced_model() -> None:
    models = yaml.safe_load(defaults(1, "127.0.0.1:9", PEERS)["models"])["model_list"]
    assert [model["model_name"] for model in models] == ["demo", PRICED, *PACED_MODELS.values()]
    assert {model["litellm_params"]["api_base"] for model in models} == {"http://127.0.0.1:9/v1"}


def test_a_peer_needs_a_command() -> None:
    with pytest.raises(BadParameter, match="nobody: give a command"):
        given_peers(("nobody",))
    assert given_peers(("nobody=run --port={port}",))[0].command == ("run", "--port={port}")
