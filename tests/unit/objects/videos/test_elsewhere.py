"""Where a video lies that its vendor says to lie elsewhere."""

import pytest

from tianji.egress.resolver import place
from tianji.errors import UpstreamConnectFailed, UpstreamProtocolError
from tianji.objects.videos import elsewhere


def known(address: str) -> object:
    class Known:
        async def resolve(self, _host: str, port: int) -> list[object]:
            return [place(address, port)]

    return Known


async def test_a_name_leads_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "_resolver", known("93.184.215.14"))
    origin = await elsewhere._elsewhere("https://cdn.example/a.mp4?x=1")
    assert (origin.host, origin.port, origin.server_hostname) == ("93.184.215.14", 443, "cdn.example")
    plain = await elsewhere._elsewhere("http://cdn.example:8080/a.mp4")
    assert (plain.port, plain.ssl_context) == (8080, None)


async def test_a_name_of_an_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "_resolver", known("10.0.0.1"))
    with pytest.raises(UpstreamConnectFailed, match="not public"):
        await elsewhere._elsewhere("https://cdn.example/a.mp4")
    with pytest.raises(UpstreamProtocolError, match="does not go"):
        await elsewhere._elsewhere("https://metadata.google.internal/a.mp4")
