"""Every attempt is in the ledger once, with what it cost, whatever happened to it and to the gateway's processes."""

import json
import os
import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import BOOKS, EDGES, PATIENCE, Gateway, Mock, client_at, eventually, openai_model

from tianji.callbacks.event import answer_text
from tianji.ledger import terms

resource = pytest.importorskip("resource")

USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
COST = 1000 * 1000 + 200 * 2000  # nano-dollars
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
SLOW = {"first_byte_ms": 8000}


def priced(name: str, upstream: str, mock: Mock, **params: object) -> dict[str, Any]:
    return openai_model(name, upstream, mock.url, **PRICES, **params)


def config(mock: Mock, **general: object) -> dict[str, Any]:
    hedged = [priced("hedged", "slow", mock, order=1, hedge_after=0.05), priced("hedged", "fast", mock, order=2)]
    return {
        "model_list": [
            priced("m", "m-up", mock),
            priced("other", "other-up", mock),
            priced("again", "again-up", mock),
            priced("again", "again-up", mock),
            priced("mock-*", "mock-*", mock),
            priced("canned", "anything", mock, mock_response="hello"),
            *hedged,
        ],
        "router_settings": {"num_retries": 0, "fallbacks": [{"first": ["other"]}]},
        "general_settings": general,
    } | {"litellm_settings": {"extra_spend_tag_headers": ["x-project"]}}


def books(folder: Path) -> Path:
    return folder / "tianji-data" / "tianji.db"


def asked(folder: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """Ask the database of a gateway; nothing as long as there is none."""
    file = books(folder)
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
        connection.row_factory = sqlite3.Row
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'daily_spend'").fetchall():
            return []  # its tables are about to be made
        return [dict(row) for row in connection.execute(query, values)]


def rows(gateway: Gateway, call: str, count: int) -> list[dict[str, Any]]:
    """Wait for all rows of a call, in the order of its attempts."""
    query = "SELECT * FROM ledger WHERE call_id = ? ORDER BY attempt"
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = asked(gateway.file.parent, query, call)
        return len(found) >= count

    eventually(there, f"{count} rows of {call}", PATIENCE)
    assert len(found) == count
    return found


def counted(gateway: Gateway, series: str) -> float:
    lines = gateway.client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(series + "{"))


def answers(mock: Mock, usage: dict[str, Any] = USAGE, **rule: object) -> None:
    """Let the mock answer with this usage, whole and streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    delta = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}
    events = [{"choices": [delta]}, {"choices": [], "usage": usage}]
    mock.control({
        "body": json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}),
        "events": [json.dumps(event) for event in events],
    }, **rule)  # fmt: skip


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(config(mock_process), tmp_path_factory.mktemp("ledger"), edge=edge, env=BOOKS) as running:
        yield running


def chat(gateway: Gateway, call: str, model: str = "m", **members: object) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "one two"}], **members}
    return gateway.chat(body, x_litellm_call_id=call)


def test_an_answer_and_a_stream_cost_the_same(gateway: Gateway, mock: Mock) -> None:
    answers(mock)
    assert chat(gateway, "whole", user="customer").status_code == 200
    assert chat(gateway, "stream", stream=True).text.endswith("data: [DONE]\n\n")
    (whole,), (stream,) = rows(gateway, "whole", 1), rows(gateway, "stream", 1)
    said = (
        "status",
        "cost",
        "prompt_tokens",
        "completion_tokens",
        "model_group",
        "model",
        "provider",
        "key",
        "user_id",
    )
    assert [whole[name] for name in said] == [stream[name] for name in said]
    assert [whole[name] for name in said] == [
        "success", COST, 1000, 200, "m", "m-up", "openai", "litellm_proxy_master_key", "default_user_id",
    ]  # fmt: skip
    assert (whole["stream"], stream["stream"], whole["estimated"], whole["end_user"]) == (0, 1, 0, "customer")
    assert whole["call_type"] == "acompletion"
    assert whole["started_at"] <= whole["answered_at"] <= whole["ended_at"]
    facts = terms.facts(whole)
    assert facts["items"][:2] == (("input", 1000, 10**12), ("output", 200, 2 * 10**12))


def test_whoever_names_a_call_twice_pays_twice(gateway: Gateway, mock: Mock) -> None:
    answers(mock)
    for _ in range(2):
        chat(gateway, "mine")
    assert len({row["request_id"] for row in rows(gateway, "mine", 2)}) == 2


def test_both_attempts_of_a_retried_request(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, times=1)
    answers(mock)
    assert chat(gateway, "retried", "again", num_retries=2).status_code == 200
    failed, good = rows(gateway, "retried", 2)
    assert (failed["status"], failed["cost"], failed["error_code"], failed["error_class"]) == (
        "failure", 0, "500", "UpstreamRefused",
    )  # fmt: skip
    assert (good["status"], good["cost"], good["attempt"], good["error_code"]) == ("success", COST, 1, None)


def test_both_attempts_of_one_that_failed_over(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 503}, model="m-up")
    answers(mock)
    assert chat(gateway, "over", fallbacks=["other"]).status_code == 200
    failed, good = rows(gateway, "over", 2)
    assert (failed["model"], failed["cost"], good["model"], good["cost"]) == ("m-up", 0, "other-up", COST)


def test_both_attempts_of_a_hedged_request(gateway: Gateway, mock: Mock) -> None:
    mock.control(SLOW, model="slow")
    answers(mock)
    assert chat(gateway, "hedged", "hedged").status_code == 200
    lost, won = rows(gateway, "hedged", 2)
    assert (lost["model"], lost["error_class"], lost["estimated"]) == ("slow", "GivenUp", 1)
    assert 0 < lost["cost"] < COST
    assert (won["model"], won["cost"], won["estimated"]) == ("fast", COST, 0)


def test_a_stream_that_its_client_leaves(gateway: Gateway, mock: Mock) -> None:
    mock.control({"tokens": 1000, "token_rate": 50})
    body = {"model": "m", "messages": [], "stream": True}
    headers = {"x-litellm-call-id": "left"}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        next(answer.iter_lines())
    (row,) = rows(gateway, "left", 1)
    assert (row["status"], row["error_code"], row["error_class"], row["estimated"]) == (
        "failure", "499", "ClientGone", 1,
    )  # fmt: skip
    assert row["cost"] > 0


def test_a_stream_that_breaks_off(gateway: Gateway, mock: Mock) -> None:
    events = [{"choices": [{"index": 0, "delta": {"content": "x"}}]}, {"choices": [], "usage": USAGE}]
    mock.control({"events": [json.dumps(event) for event in events], "no_done": True})
    assert "error" in chat(gateway, "broken", stream=True).text
    (row,) = rows(gateway, "broken", 1)
    assert (row["status"], row["error_class"], row["cost"]) == ("failure", "UpstreamDisconnected", COST)


def test_an_upstream_that_speaks_no_http(gateway: Gateway, mock: Mock) -> None:
    mock.control({"raw": "nonsense\r\n\r\n", "close": True})
    assert chat(gateway, "nonsense").status_code >= 500
    (row,) = rows(gateway, "nonsense", 1)
    assert (row["status"], row["error_class"], row["cost"]) == ("failure", "UpstreamProtocolError", 0)


def test_what_no_upstream_is_asked_for(gateway: Gateway) -> None:
    assert chat(gateway, "canned", "canned").status_code == 200
    assert chat(gateway, "nobody", "nobody").status_code == 404
    (canned,), (refused,) = rows(gateway, "canned", 1), rows(gateway, "nobody", 1)
    assert (canned["status"], canned["cost"]) == ("success", 0)
    assert (refused["status"], refused["cost"], refused["error_code"], refused["error_class"]) == (
        "failure", 0, "404", "UnknownModel",
    )  # fmt: skip
    assert (refused["model_group"], refused["model"]) == ("", "")


def test_tags_and_sessions(gateway: Gateway) -> None:
    body = {"model": "canned", "messages": [], "metadata": {"tags": ["b"], "session_id": "s"}}
    words = {"x_litellm_tags": "a", "x_project": "moon", "x_litellm_end_user_id": "customer"}
    gateway.chat(body, x_litellm_call_id="tagged", user_agent="app/1.2 (x)", **words)
    (row,) = rows(gateway, "tagged", 1)
    assert (json.loads(row["tags"]), row["session_id"], row["end_user"]) == (
        ["b", "a", "x-project: moon", "User-Agent: app", "User-Agent: app/1.2 (x)"],
        "s",
        "customer",
    )


def test_no_name_that_a_client_chooses_stops_it(gateway: Gateway, mock: Mock) -> None:
    """Text that is no Unicode, and a name of a megabyte."""
    answers(mock)
    raw = b'{"model":"m","messages":[],"user":"%b"}'
    for call, user in (("lone", rb"\ud800"), ("long", b"x" * 1_000_000), ("none", rb"a\u0000b")):
        gateway.chat(raw % user, x_litellm_call_id=call)
    found = [rows(gateway, call, 1)[0]["end_user"] for call in ("lone", "long", "none")]
    assert (found[0], len(found[1]), found[2]) == (None, 120, "ab")


def test_a_flood_of_refusals_leaves_few_rows(gateway: Gateway) -> None:
    for _ in range(200):
        chat(gateway, "flood", "nobody")
    chat(gateway, "after", "canned")
    rows(gateway, "after", 1)
    found = asked(gateway.file.parent, "SELECT COUNT(*) AS many FROM ledger WHERE call_id = 'flood'")
    assert 1 <= found[0]["many"] < 150


def test_the_ledger_is_what_was_counted(gateway: Gateway, mock: Mock) -> None:
    """After all that happened above, and to a part of a dollar that is a billionth."""
    answers(mock)
    chat(gateway, "last")
    rows(gateway, "last", 1)
    folder = gateway.file.parent
    (sums,) = asked(folder, "SELECT COUNT(*) AS many, SUM(cost) AS cost FROM ledger WHERE provider != ''")
    assert sums["cost"] == round(counted(gateway, "tianji_spend_dollars_total") * 1e9)
    assert sums["many"] == counted(gateway, "tianji_requests_total")
    (daily,) = asked(folder, "SELECT SUM(requests) AS many, SUM(spend) AS cost FROM daily_spend WHERE kind = 'all'")
    (every,) = asked(folder, "SELECT COUNT(*) AS many, SUM(cost) AS cost FROM ledger")
    assert daily == every


def test_reports_and_keys_show_what_was_spent(gateway: Gateway, mock: Mock) -> None:
    answers(mock)
    api = gateway.client
    api.post("/user/new", json={"user_id": "someone", "auto_create_key": False}).raise_for_status()
    team = api.post("/team/new", json={"team_alias": "spenders"}).json()["team_id"]
    made = api.post("/key/generate", json={"user_id": "someone", "team_id": team, "metadata": {"tags": ["t"]}}).json()
    before = api.get("/global/spend").json()["spend"]
    for _ in range(3):
        chat_as = {"authorization": f"Bearer {made['key']}"}
        assert gateway.chat({"model": "m", "messages": []}, **chat_as).status_code == 200
    cost = pytest.approx(3 * COST / 1e9)

    def spent() -> bool:
        info = api.get("/key/info", params={"key": made["key"]}).json()["info"]
        return info["spend"] == cost

    eventually(spent, "the key has spent it", PATIENCE)
    assert api.get("/user/info", params={"user_id": "someone"}).json()["user_info"]["spend"] == cost
    assert api.get("/team/info", params={"team_id": team}).json()["team_info"]["spend"] == cost
    assert api.get("/global/spend").json()["spend"] - before == cost
    logs = api.get("/spend/logs", params={"api_key": made["key"]}).json()
    told = [(row["spend"], row["request_tags"][0], row["user"]) for row in logs]
    assert told == [(COST / 1e9, "t", "someone")] * 3
    tags = {row["name"]: row["spend"] for row in api.get("/global/spend/tags").json()["spend_per_tag"]}
    assert tags["t"] == cost


STREAMED = (  # paths, the member that says something, and what is said
    ("/v1/messages", "messages", "as-messages"),
    ("/v1/responses", "input", "as-responses"),
    ("/v1beta/models/m:streamGenerateContent?alt=sse", "contents", "as-events"),
    ("/v1beta/models/m:streamGenerateContent", "contents", "as-array"),
)


def test_what_was_said_is_kept_only_where_that_is_wanted_and_rows_too(start_gateway: StartGateway, mock: Mock) -> None:
    answers(mock)
    gateway = start_gateway(config(mock), env=BOOKS)
    chat(gateway, "silent")
    assert rows(gateway, "silent", 1)[0]["ip"] == "127.0.0.1"
    folder = gateway.file.parent
    assert asked(folder, "SELECT * FROM payloads") == []
    gateway.write(config(mock, store_prompts_in_spend_logs=True, disable_requester_ip_address_logging=True))
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: "in force" in gateway.log or _kept(gateway, folder), "what was said is kept", PATIENCE)
    chat(gateway, "told", stream=True)
    assert rows(gateway, "told", 1)[0]["ip"] in (None, "")
    (said,) = asked(folder, "SELECT * FROM payloads p JOIN ledger l USING (request_id) WHERE call_id = 'told'")
    assert json.loads(said["messages"]) == [{"role": "user", "content": "one two"}]
    assert json.loads(said["response"])["choices"][0]["message"]["content"] == "x"
    for path, member, text in STREAMED:
        body = {"model": "m", "max_tokens": 9, "stream": True, member: [{"role": "user", "content": text}]}
        if member == "contents":
            body = {member: [{"parts": [{"text": text}]}]}
        answer = gateway.post(path, body, x_litellm_call_id=text)
        assert answer.status_code == 200, answer.text
        rows(gateway, text, 1)
        (said,) = asked(folder, "SELECT * FROM payloads p JOIN ledger l USING (request_id) WHERE call_id = ?", text)
        assert text in said["messages"]
        assert answer_text(json.loads(said["response"])) == "x", path
    gateway.write(config(mock, disable_spend_logs=True))
    gateway.process.send_signal(signal.SIGHUP)

    def unlogged() -> bool:
        chat(gateway, "unlogged")
        sums = "SELECT SUM(requests) AS many FROM daily_spend WHERE kind = 'all' AND NOT logged"
        return bool(asked(folder, sums)[0]["many"])

    eventually(unlogged, "requests get no rows any more", PATIENCE)


def _kept(gateway: Gateway, folder: Path) -> bool:
    chat(gateway, "probe")
    return bool(asked(folder, "SELECT * FROM payloads"))


# -- processes that die ---------------------------------------------------------------------------------------------


class Load:
    """Asks without a pause, and remembers what each call that was answered in whole must have cost."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self.gateway = gateway
        self.truth: dict[str, int] = {}  # nano-dollars by call id, of all that were asked
        self.answered: set[str] = set()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def run(self, count: int, seed: str) -> None:
        with client_at(self.gateway.url, **self.gateway.client.headers) as client:
            for number in range(count):
                self._ask(client, f"{seed}-{number}")

    def _ask(self, client: httpx.Client, call: str) -> None:
        with self._lock:
            tokens, stream = self._dice.randrange(1, 40), self._dice.random() < 0.5
            self.truth[call] = 2 * 1000 + tokens * 2000  # a prompt of two words
        words = [{"role": "user", "content": "one two"}]
        body = {"model": f"mock-tokens-{tokens}", "messages": words, "stream": stream}
        try:
            answer = client.post("/v1/chat/completions", json=body, headers={"x-litellm-call-id": call})
        except httpx.HTTPError:
            return
        if answer.status_code == 200 and (not stream or answer.text.endswith("data: [DONE]\n\n")):
            self.answered.add(call)


def test_killed_workers_lose_nothing_that_was_answered(
    edge: str, mock: Mock, tmp_path: Path, start_gateway: StartGateway
) -> None:
    """kill -9 of workers and of the process of the ledger under load, at last of all of them; then a new start."""
    gateway = start_gateway(config(mock), env=BOOKS, workers=2)
    load = Load(gateway, seed=7)
    clients = 4
    with ThreadPoolExecutor(clients) as pool:
        done = [pool.submit(load.run, 250, f"c{client}") for client in range(clients)]
        for share in (200, 400, 600):
            eventually(lambda share=share: len(load.answered) > share, "requests are answered", 60)
            os.kill(gateway.workers()[0], signal.SIGKILL)
            for process in gateway.beside():
                os.kill(process, signal.SIGKILL)
            eventually(lambda: len(gateway.workers()) == 2, "another worker", PATIENCE)
        eventually(lambda: len(load.answered) > 700, "requests are answered", 60)
        everybody = [gateway.process.pid, *gateway.workers(), *gateway.beside()]
        for process in everybody:
            os.kill(process, signal.SIGKILL)
        for each in done:
            each.result()
    gateway.process.wait()
    start_gateway(config(mock), env=BOOKS)
    folder = tmp_path / "tianji-data" / "journals"

    def taken() -> bool:
        return not list(folder.glob("*.journal"))

    eventually(taken, "what was left is taken in", PATIENCE)
    found = asked(tmp_path, "SELECT call_id, attempt, cost, status FROM ledger")
    good = {row["call_id"]: row["cost"] for row in found if row["status"] == "success"}
    assert load.answered <= set(good), "lost"
    assert len(found) == len({(row["call_id"], row["attempt"]) for row in found}), "twice"
    assert good == {call: load.truth[call] for call in good}
    assert len(set(good) - load.answered) <= clients * 4, "only what was under way when something was killed"
    (daily,) = asked(tmp_path, "SELECT SUM(requests) AS many, SUM(spend) AS cost FROM daily_spend WHERE kind = 'all'")
    assert daily == {"many": len(found), "cost": sum(row["cost"] for row in found)}


@pytest.mark.parametrize("edge", ["native"], indirect=True, scope="session")
def test_a_full_disk_stops_no_request_and_is_loud(start_gateway: StartGateway, mock: Mock) -> None:
    answers(mock)
    gateway = start_gateway(config(mock), env=BOOKS)
    (worker,) = gateway.workers()
    limit = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (1_000_000, limit[1]))
    for number in range(20):
        assert chat(gateway, f"full-{number}").status_code == 200
    assert "the ledger's journal cannot be written" in gateway.log
    assert "TIANJI_DATA_DIR" in gateway.log
    resource.prlimit(worker, resource.RLIMIT_FSIZE, limit)
    for number in range(20):
        rows(gateway, f"full-{number}", 1)
    assert "can be written again" in gateway.log


@pytest.mark.parametrize("edge", ["native"], indirect=True, scope="session")
def test_a_database_that_is_away_stops_no_request_and_gets_all(
    start_gateway: StartGateway, mock: Mock, postgresql: Any
) -> None:
    answers(mock)
    postgresql.psql("CREATE DATABASE ledger_away;")
    url = postgresql.get_uri("ledger_away")
    gateway = start_gateway(config(mock, database_url=url), env=BOOKS)

    def many() -> int:
        told = gateway.client.get("/global/activity").json()
        return int(told["sum_api_requests"]) if "sum_api_requests" in told else -1

    chat(gateway, "before")
    eventually(lambda: many() == 1, "the first is in the database", PATIENCE)
    server = postgresql.get_pid()
    os.kill(server, signal.SIGINT)  # its fast shutdown
    eventually(lambda: not Path(f"/proc/{server}").exists(), "it is away", PATIENCE)
    try:
        for number in range(50):
            assert chat(gateway, f"away-{number}").status_code == 200
        eventually(lambda: "the ledger cannot reach its database" in gateway.log, "it is said", PATIENCE)
    finally:
        postgresql.ensure_postgres_running()
    eventually(lambda: many() == 51, "all of them are in the database", PATIENCE)
    assert gateway.log.count("the ledger cannot reach its database") == 1


@pytest.mark.parametrize("edge", EDGES, indirect=True, scope="session")
def test_what_ended_just_before_the_gateway_is_in_the_books(start_gateway: StartGateway, mock: Mock) -> None:
    answers(mock)
    gateway = start_gateway(config(mock), env=BOOKS)
    assert gateway.beside() == []
    chat(gateway, "first")
    rows(gateway, "first", 1)  # whoever still begins may take longer than a gateway waits at its end
    for number in range(100):
        chat(gateway, f"late-{number}")
    gateway.stop()
    found = Counter(row["call_id"] for row in asked(gateway.file.parent, "SELECT call_id FROM ledger"))
    assert found == Counter(["first", *(f"late-{number}" for number in range(100))])
    assert not list((gateway.file.parent / "tianji-data" / "journals").iterdir())


@pytest.mark.parametrize("edge", ["native"], indirect=True, scope="session")
def test_what_happens_during_a_hot_restart_is_in_the_books_once(
    start_gateway: StartGateway, mock: Mock, tmp_path: Path
) -> None:
    """Two gateways write into one folder, and two processes take from it."""
    answers(mock)
    file = tmp_path / "gateway.pid"
    gateway = start_gateway(config(mock), env=BOOKS, args=["--pid-file", str(file)])
    calls = []

    def ask() -> None:
        calls.append(f"call-{len(calls)}")
        assert chat(gateway, calls[-1]).status_code == 200

    ask()
    eventually(gateway.beside, "the process of the ledger has begun", PATIENCE)
    gateway.process.send_signal(signal.SIGUSR2)
    try:
        while gateway.process.poll() is None:
            ask()
        for _ in range(20):
            ask()
        rows(gateway, calls[-1], 1)
    finally:  # the one in charge is no child of this process, and holds its output open
        gateway.client.close()
        os.kill(int(file.read_text()), signal.SIGTERM)
        eventually(lambda: not file.exists(), "the last process ends", PATIENCE)
    found = Counter(row["call_id"] for row in asked(tmp_path, "SELECT call_id FROM ledger"))
    assert found == Counter(calls)
