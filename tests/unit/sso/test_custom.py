"""What code of the operator's says of somebody, and what becomes of code that cannot be used."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tianji.auth.arrivals import Arrival
from tianji.config.schema import GeneralSettings
from tianji.errors import NotImplementedHere, PermissionDenied, ProviderUnavailable
from tianji.sso.custom import Headers, claims_of, judged

ANN = Arrival(user_id="ann", email="ann@example.com", name="Ann", provider="generic", role="proxy_admin_viewer")


async def said(folder: Path, code: str, claims=None, shown=()) -> Arrival:
    (folder / "mine.py").write_text(code)
    return await judged(ANN, claims or {}, GeneralSettings(custom_sso="mine.of"), folder, shown)


async def test_what_is_not_said_stays(tmp_path):
    assert await said(tmp_path, "def of(them):\n    return {}\n") == ANN
    assert await judged(ANN, {}, GeneralSettings(), tmp_path, ()) == ANN
    assert (await said(tmp_path, "def of(one):\n    return {'user_email': 'B@Example.com'}\n")).email == "b@example.com"


async def test_claims_that_were_asked_for_are_shown(tmp_path):
    code = (
        "def of(them):\n    return {'user_id': them.extra_fields['a.b'] + str(them.first_name) + str(them.picture)}\n"
    )
    claims = {"a": {"b": "c"}, "given_name": "Ann"}
    assert (await said(tmp_path, code, claims, ("a.b",))).user_id == "cAnnNone"


async def test_code_that_cannot_be_loaded_lets_nobody_in(tmp_path, caplog):
    with pytest.raises(ProviderUnavailable):
        await said(tmp_path, "x = 1\n")
    assert "mine.py has no of" in caplog.text
    with pytest.raises(ProviderUnavailable):
        await judged(ANN, {}, GeneralSettings(custom_sso="gone.of"), tmp_path, ())


async def test_headers_are_believed_of_nobody_in_particular(tmp_path):
    general = GeneralSettings(custom_ui_sso_sign_in_handler="mine.handler")
    with pytest.raises(NotImplementedHere, match="trusted_proxy_ranges"):
        await claims_of(SimpleNamespace(peer=("127.0.0.1", 1), headers=[]), general, tmp_path)
    general = GeneralSettings(custom_ui_sso_sign_in_handler="mine.handler", trusted_proxy_ranges=("10.0.0.0/8",))
    for peer in (None, ("127.0.0.1", 1)):
        with pytest.raises(PermissionDenied):
            await claims_of(SimpleNamespace(peer=peer, headers=[]), general, tmp_path)


def test_headers_have_no_case():
    headers = Headers({"x-user": "ann"})
    assert headers["X-User"] == headers.get("x-USER") == "ann"
    assert "X-USER" in headers
    assert headers.get("nothing") is None
