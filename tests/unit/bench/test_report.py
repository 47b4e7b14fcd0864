"""The parts of the benchmark that are pure: figures, table, plot, plan, recipes."""

import xml.etree.ElementTree as ET

import msgspec
import pytest
from bench.__main__ import plan_of
from bench.macro.plot import svg
from bench.macro.report import aligned, cell_table
from bench.macro.run import Cell, Row, Sample, middle, objections, request_bytes
from bench.macro.stats import percentile, spread
from bench.macro.targets import NGINX, PACED_MODEL, PEERS, Target, builtin, defaults, filled, peer
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


CELL = Cell(200, concurrency=32)


def row(name: str, *samples: Sample, **fields: object) -> Row:
    command = () if name == "direct" else ("run",)
    return Row(Target(name, command), samples={CELL.name: list(samples)} if samples else {}, **fields)  # type: ignore[arg-type]


def test_table_shows_failures_as_failures() -> None:
    rows = [
        row("direct", Sample(rate=50_000, p50=12, p99=40, cpu=5, answers=9)),
        row("good", Sample(rate=1234.5, p50=100, p99=400.25, added_p50=88, added_p99=-3, cpu=20, answers=9)),
        row("broken", Sample(problem="status 500", failures=3)),
        row("absent", problem="did not start: no such file"),
        row("other"),
    ]
    direct, good, broken, absent, other = cell_table(rows, CELL.name)[1:]
    assert direct.split()[1:7] == ["50,000", "12.0", "40.0", "-", "-", "5.00"]
    assert good.split() == ["good", "1,234", "100", "400", "+88.0", "-3.00", "20.0", "50,000", "-"]
    assert broken.split()[1:9] == ["-"] * 8
    assert broken.endswith("FAILED 3: status 500")
    assert absent.endswith("FAILED: did not start: no such file")
    assert other.endswith("not comparable")


def test_columns_line_up() -> None:
    lines = aligned([("", "one", "two"), ("name", "1", "22222")])
    assert lines == ["      one    two", "name    1  22222"]


def test_medians_leave_out_what_is_missing() -> None:
    assert middle([Sample(p50=1), Sample(), Sample(p50=3)], "p50") == 2
    assert middle([Sample()], "p50") is None


def test_objections() -> None:
    assert objections([row("good", Sample(rate=100), Sample(rate=105))], 0.1) == []
    rows = [
        row("a", Sample(rate=100, other_load=0.5)),
        row("b", Sample(rate=100, loader_busy=0.95)),
        row("c", Sample(rate=100), Sample(rate=120)),
        row("direct", Sample(rate=100, loader_busy=1.0)),  # has nothing else to do
    ]
    found = objections(rows, 0.3)
    assert found[:2] == [
        "other processes used 0.30 cores before the run (limit 0.2)",
        "other processes used up to 0.50 cores in 1 of 4 measurements",
    ]
    assert [text.split(",")[0] for text in found[2:]] == ["b", "c"]


def test_plot_is_xml_with_a_bar_for_each_value() -> None:
    drawn = svg({"req/s <fast>": {"a": 10.0, "b": 1000.0, "c": None}, "empty": {"d": None}}, "a & b")
    root = ET.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{space}rect")[1:]
    assert len(bars) == 2
    assert float(bars[0].get("width", "")) < float(bars[1].get("width", ""))
    assert [text.text for text in root.findall(f"{space}text")].count("failed") == 2


@pytest.mark.parametrize("size", [200, 4000, 150_000, 400_000])
@pytest.mark.parametrize("stream", [False, True])
def test_requests_are_as_long_as_the_cell_says(size: int, stream: bool) -> None:
    target = Row(Target("x", headers={"authorization": "Bearer {key}"}), values={"address": "h:1", "key": "k"})
    head, _, body = request_bytes(target, Cell(size, stream=stream)).partition(b"\r\n\r\n")
    assert len(body) == size
    assert f"content-length: {size}".encode() in head
    assert b"authorization: Bearer k" in head
    assert msgspec.json.decode(body).get("stream", False) is stream


def test_paced_requests_name_the_paced_model() -> None:
    target = Row(Target("x", headers={}), values={"address": "h:1"})
    body = request_bytes(target, Cell(200, stream=True, paced=True)).partition(b"\r\n\r\n")[2]
    assert msgspec.json.decode(body)["model"] == PACED_MODEL


def test_plans() -> None:
    full = plan_of([0.2, 4, 150, 400], 3, 3, quick=False)
    assert len({cell.name for cell in full.cells}) == len(full.cells)
    assert {cell.concurrency for cell in full.cells if cell.size == 200 and not cell.stream} == {0, 1, 8, 32, 64}
    assert {cell.size for cell in full.cells} == {200, 4000, 150_000, 400_000}
    assert len(plan_of([0.2], 1, 1, quick=True).cells) == 5


@pytest.mark.parametrize("name", sorted(path.stem for path in PEERS.glob("*.yaml")))
def test_recipes_can_be_filled(name: str, tmp_path: object) -> None:
    target = peer(name, "")
    values = defaults(4321, "127.0.0.1:9", PEERS)
    texts = [*target.command, *target.files.values(), *target.env.values(), *target.headers.values()]
    done = "".join(filled(text, values) for text in texts)
    assert "4321" in done
    assert "127.0.0.1:9" in done


def test_builtin_rows_can_be_filled() -> None:
    values = defaults(4321, "127.0.0.1:9", PEERS) | {"user": ""}
    assert builtin()[0] == Target("direct")
    for target in builtin():
        for text in (*target.command, *target.files.values()):
            filled(text, values)
    assert "server { listen" in " ".join(filled(NGINX, values).split())


def test_a_peer_needs_a_command() -> None:
    with pytest.raises(ValueError, match="give a command"):
        peer("nobody", "")
    assert peer("nobody", "run --port={port}").command == ("run", "--port={port}")
