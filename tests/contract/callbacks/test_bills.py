"""What was spent, as programs for bills are told it by the running gateway, over restarts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.bills import Bills, Mavvrik, Ternary, Vantage, said
from tests.fakes.listening import Listening

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
ENVIRON = {
    "VANTAGE_API_KEY": "vntg_tkn", "VANTAGE_INTEGRATION_TOKEN": "accss_crdntl/1",
    "VANTAGE_EXPORT_FREQUENCY": "interval", "VANTAGE_EXPORT_INTERVAL_SECONDS": "1",
    "TERNARY_API_KEY": "tk", "TERNARY_CONNECTION_ID": "conn/1",
    "TERNARY_EXPORT_FREQUENCY": "interval", "TERNARY_EXPORT_INTERVAL_SECONDS": "1",
    "MAVVRIK_API_KEY": "mav", "MAVVRIK_CONNECTION_ID": "conn/1", "MAVVRIK_EXPORT_INTERVAL_MINUTES": "0.01",
}  # fmt: skip


class Costs(Bills):
    """OpenAI's organization costs: the same bill for each day, whoever asks with the key."""

    def answer(self, method: str, url: Any, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if (method, url.path, headers.get("authorization")) != ("GET", "/v1/organization/costs", "Bearer sk-admin"):
            return said({"error": {}}, 401)
        query = parse_qs(url.query)
        start, end = (int(query[name][0]) for name in ("start_time", "end_time"))
        result = {"object": "organization.costs.result", "amount": {"value": 0.5, "currency": "usd"}}
        results = [result] * (1 + len(query.get("project_ids[]", [])))
        days = range(start, end, 86_400)
        return said({"data": [{"start_time": day, "results": results} for day in days], "has_more": False})


class Office(Listening):
    """Vantage, Ternary and Mavvrik, each below its own path."""

    def __init__(self) -> None:
        self.there: dict[str, Any] = {"v": Vantage(), "t": Ternary(), "m": Mavvrik(), "o": Costs()}
        there = self.there

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                name, _, path = self.path[1:].partition("/")
                fake: Bills = there[name]
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, said, answer = fake.handle(self.command, f"{Bills.base}/{path}", headers, body)
                self.send_response(status)
                for header in {**said, "content-length": str(len(answer))}.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(answer)

            do_PUT = do_GET = do_PATCH = do_DELETE = do_POST  # noqa: N815  as the library has them

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(Handler)
        for name, fake in there.items():
            fake.base = fake.where = f"{self.url}/{name}"


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as listening:
        yield listening


def test_a_day_is_told_once_and_again_when_it_is_more(
    edge: str, mock_process: Mock, mock: Mock, office: Office, tmp_path: Path
) -> None:
    mock.reset()
    config = {
        "model_list": [openai_model("m", "m-up", mock_process.url, **PRICES)],
        "litellm_settings": {"callbacks": ["vantage", "ternary", "mavvrik"]},
    }
    where = {
        "VANTAGE_BASE_URL": f"{office.url}/v", "TERNARY_BASE_URL": f"{office.url}/t",
        "MAVVRIK_API_ENDPOINT": f"{office.url}/m/tenant",
    }  # fmt: skip
    env = {**BOOKS, **ENVIRON, **where, "TIANJI_DATA_DIR": str(tmp_path / "data")}
    vantage, ternary = office.there["v"], office.there["t"]
    cost = Decimal()

    def asked(gateway: Gateway) -> None:
        nonlocal cost
        used = gateway.chat({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).json()["usage"]
        cost += Decimal(used["prompt_tokens"]) / 1000 + Decimal(used["completion_tokens"]) * 2 / 1000

    def told() -> bool:
        return [list(fake.spent().values()) for fake in (vantage, ternary)] == [[cost], [cost]]

    with Gateway(config, tmp_path, edge=edge, env=env, workers=2) as gateway:
        asked(gateway)
        eventually(told, "today is told", PATIENCE)
        asked(gateway)
        eventually(told, "today is told again in place of before", PATIENCE)
        assert len(vantage.files) == 1
        eventually(lambda: office.there["m"].asked, "Mavvrik is told that we are there", PATIENCE)
        assert office.there["m"].files == {}, "a day that is not over is no day for it"
    sent = [method for method, *_ in vantage.asked + ternary.asked]
    with Gateway(config, tmp_path, edge=edge, env=env, workers=2) as gateway:
        before = len(office.there["m"].asked)
        eventually(lambda: len(office.there["m"].asked) >= before + 3, "some rounds are made", PATIENCE)
        assert [method for method, *_ in vantage.asked + ternary.asked] == sent, "nothing is told twice"
        asked(gateway)
        eventually(told, "and goes on where it ended", PATIENCE)
    assert "vntg_tkn" not in gateway.log


def test_what_the_books_know_of_a_bill(
    edge: str, mock_process: Mock, mock: Mock, office: Office, tmp_path: Path
) -> None:
    mock.reset()
    config = {"model_list": [openai_model("m", "m-up", mock_process.url, **PRICES)]}
    env = {**BOOKS, "OPENAI_ADMIN_KEY": "sk-admin", "OPENAI_ADMIN_API_BASE": f"{office.url}/o",
           "TIANJI_DATA_DIR": str(tmp_path / "data")}  # fmt: skip
    with Gateway(config, tmp_path, edge=edge, env=env) as gateway:
        used = gateway.chat({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).json()["usage"]
        cost = used["prompt_tokens"] * 0.001 + used["completion_tokens"] * 0.002
        today = datetime.now(UTC).date()
        days = {"start_date": f"{today - timedelta(days=1)}", "end_date": f"{today + timedelta(days=1)}"}

        def asked(**more: Any) -> Any:
            return gateway.client.get("/spend/capture_rate", params={**days, **more})

        eventually(lambda: asked().json()["captured_spend"], "it is in the books", PATIENCE)
        found = asked(threshold=0.001).json()
        assert (found["provider"], found["provider_spend"], found["below_threshold"]) == ("openai", 1.5, False)
        assert (found["captured_spend"], found["capture_rate"]) == pytest.approx((cost, cost / 1.5))
        assert [day["provider_spend"] for day in found["days"]] == [0.5] * 3
        assert asked(project_ids=["proj_a", "proj_b"]).json()["provider_spend"] == 4.5
        assert asked().json()["below_threshold"] is True
        for wrong, status in (
            ({"start_date": "soon"}, 400),
            ({"end_date": "2026-01-01"}, 400),
            ({"start_date": "2020-01-01"}, 400),
            ({"threshold": 2}, 422),
            ({"provider": "x"}, 422),
        ):
            assert asked(**wrong).status_code == status, wrong
        user = gateway.post("/key/generate", {}).json()["key"]
        refused = gateway.client.get(
            "/spend/capture_rate", params=days, headers={"authorization": f"Bearer {user}"}
        )  # fmt: skip
        assert refused.status_code in (401, 403)
        office.there["o"].away = True
        assert asked().status_code == 502
    assert "sk-admin" not in gateway.log


SECRETS = ("vntg_tkn", "accss_crdntl/1")


def test_programs_for_bills_are_set_up_while_the_gateway_serves(
    edge: str, mock_process: Mock, mock: Mock, office: Office, tmp_path: Path
) -> None:
    mock.reset()
    config = {
        "model_list": [openai_model("m", "m-up", mock_process.url, **PRICES)],
        "general_settings": {"store_model_in_db": True, "provider_url_destination_allowed_hosts": ["127.0.0.1"]},
    }
    vantage, said = office.there["v"], dict(zip(("api_key", "integration_token"), SECRETS, strict=True))
    env = {**BOOKS, "OPENAI_ADMIN_API_BASE": f"{office.url}/o", "TIANJI_DATA_DIR": str(tmp_path / "data")}
    with Gateway(config, tmp_path, edge=edge, env=env) as gateway:
        post, client = gateway.post, gateway.client
        assert gateway.chat({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).status_code == 200
        assert client.get("/vantage/settings").json()["status"] is None
        unasked = client.get("/spend/capture_rate", params={"start_date": "2026-01-01", "end_date": "2026-01-02"})
        assert (unasked.status_code, "OPENAI_ADMIN_KEY is not set" in unasked.text) == (503, True)
        assert post("/vantage/export", {}).status_code == 404
        assert post("/vantage/init", {"api_key": "k"}).status_code == 422
        assert post("/vantage/init", said | {"base_url": "http://10.1.2.3"}).status_code == 400
        eventually(
            lambda: post("/vantage/dry-run", {}).json()["summary"]["total_records"], "it is in the books", PATIENCE
        )
        dry = post("/vantage/dry-run", {}).json()
        assert dry["dry_run_data"]["normalized_data"][0]["ChargeDescription"] == "m-up"
        assert post("/cloudzero/dry-run", {}).json()["dry_run_data"]["cbf_data"][0]["resource/usage_family"] == "m-up"
        assert post("/vantage/dry-run", {"limit": 0}).json()["summary"]["total_records"] == 0
        assert vantage.asked == []

        assert post("/vantage/init", said | {"base_url": f"{office.url}/v"}).json()["status"] == "success"
        assert client.get("/vantage/settings").json() == {
            "api_key_masked": "****", "integration_token_masked": "****", "base_url": f"{office.url}/v",
            "status": "configured",
        }  # fmt: skip
        eventually(lambda: vantage.files, "the schedule exports what is due", PATIENCE)
        before = len(vantage.asked)
        now = dry["dry_run_data"]["usage_data"][0]["day"] + "T00:00:00Z"
        today = {"start_time_utc": now, "end_time_utc": now}
        again = post("/vantage/export", today)
        assert (again.status_code, again.json()["records_exported"]) == (200, 1), again.text
        assert len(vantage.asked) > before
        assert len(vantage.files) == 1, "it stands in place of the one of before"
        assert post("/vantage/export", {"limit": 5}).status_code == 400

        moved = client.put("/vantage/settings", json={"base_url": "http://127.0.0.1:1", "api_key": "****"})
        assert (moved.status_code, "integration_token" in moved.text) == (400, True)
        assert client.put("/vantage/settings", json=said | {"base_url": "http://127.0.0.1:1"}).status_code == 200
        refused = post("/vantage/export", today)
        assert refused.status_code == 502, refused.text
        assert client.delete("/vantage/delete").json()["status"] == "success"
        assert client.get("/vantage/settings").json()["status"] is None
        assert client.delete("/vantage/delete").status_code == 404
        told = "".join(answer.text for answer in (again, moved, refused, client.get("/audit")))
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not [one for one in SECRETS if one in told or one in gateway.log or one.encode() in stored]
