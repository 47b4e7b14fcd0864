"""What was spent, as programs for bills are told it by the running gateway, over restarts."""

from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.bills import Bills, Mavvrik, Ternary, Vantage
from tests.fakes.listening import Listening

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
ENVIRON = {
    "VANTAGE_API_KEY": "vntg_tkn", "VANTAGE_INTEGRATION_TOKEN": "accss_crdntl/1",
    "VANTAGE_EXPORT_FREQUENCY": "interval", "VANTAGE_EXPORT_INTERVAL_SECONDS": "1",
    "TERNARY_API_KEY": "tk", "TERNARY_CONNECTION_ID": "conn/1",
    "TERNARY_EXPORT_FREQUENCY": "interval", "TERNARY_EXPORT_INTERVAL_SECONDS": "1",
    "MAVVRIK_API_KEY": "mav", "MAVVRIK_CONNECTION_ID": "conn/1", "MAVVRIK_EXPORT_INTERVAL_MINUTES": "0.01",
}  # fmt: skip


class Office(Listening):
    """Vantage, Ternary and Mavvrik, each below its own path."""

    def __init__(self) -> None:
        self.there: dict[str, Any] = {"v": Vantage(), "t": Ternary(), "m": Mavvrik()}
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
