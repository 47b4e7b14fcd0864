"""Answers in a container of Azure Blob Storage: what is asked of it, and what its answers mean."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.fakes.upstream import Peer, Upstream
from tests.unit.cache.service import Service

from tianji.cache.backends.azure import ContainerPlace, azure, string_to_sign
from tianji.config.schema import CacheParams
from tianji.errors import ConfigurationError

KEY = base64.b64encode(b"the key of the account").decode()
PAGE = 2  # blobs of a listing


class Account(Service):
    """The blobs of one container, in the words of the service's API. `exists`: the container is there."""

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, bytes] = {}
        self.exists = False

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        parts, query = urlsplit(target), parse_qs(urlsplit(target).query)
        name = parts.path.removeprefix("/acme/answers").removeprefix("/")
        if method == "PUT" and query.get("restype") == ["container"]:
            self.exists = True
            return 201, b""
        if not self.exists:
            return 404, b"<Error><Code>ContainerNotFound</Code></Error>"
        if method == "PUT":
            assert "x-ms-blob-type: blockblob" in self.heads[-1].lower()
            self.blobs[name] = body
            return 201, b""
        if method == "DELETE":
            return (202, b"") if self.blobs.pop(name, None) is not None else (404, b"")
        if name:
            return (200, self.blobs[name]) if name in self.blobs else (404, b"")
        assert query["comp"] == ["list"]
        return 200, self.listed(query)

    def listed(self, query: dict[str, list[str]]) -> bytes:
        names = [name for name in sorted(self.blobs) if name > query.get("marker", [""])[0]]
        more = f"<NextMarker>{names[PAGE - 1]}</NextMarker>" if len(names) > PAGE else "<NextMarker />"
        blobs = "".join(f"<Blob><Name>{name}</Name></Blob>" for name in names[:PAGE])
        return f"<EnumerationResults><Blobs>{blobs}</Blobs>{more}</EnumerationResults>".encode()


@asynccontextmanager
async def opened(
    account: Account, query: str = "", environ: dict[str, str] | None = None
) -> AsyncIterator[ContainerPlace]:
    async with Upstream(account) as upstream:
        url = f"http://127.0.0.1:{upstream.port}/acme{query}"
        params = CacheParams(type="azure-blob", azure_account_url=url, azure_blob_container="answers")
        place = azure(params, {"AZURE_STORAGE_ACCOUNT_KEY": KEY} if environ is None else environ)
        try:
            yield place
        finally:
            await place.aclose()


async def test_what_is_written_is_read_and_forgotten() -> None:
    account = Account()
    async with opened(account) as place:
        assert list(await place.read(["a"])) == [None]  # not even the container is there
        await place.write({"ns:ab": (b"A\x00", 5.0), "cd": (b"C", 0.0)})
        assert account.blobs == {"ns/ab": b"A\x00", "cd": b"C"}
        await place.ping()
        assert list(await place.read(["ns:ab", "none", "cd"])) == [b"A\x00", None, b"C"]
        await place.delete(["cd", "none"])
        assert sorted(account.blobs) == ["ns/ab"]
        await place.write({f"k{number}": (b"x", 0.0) for number in range(5)})
        await place.clear()
        assert account.blobs == {}


async def test_requests_are_signed_with_the_key_of_the_account() -> None:
    account = Account()
    async with opened(account) as place:
        await place.read(["a b"])  # a name that would need an escape is written in hex
    (head,) = account.heads
    assert head.startswith(f"GET /acme/answers/{b'a b'.hex()} HTTP/1.1")
    assert re.search(r"(?im)^authorization: SharedKey acme:[A-Za-z0-9+/]{43}=\r?$", head)
    assert "x-ms-date: " in head
    assert "x-ms-version: " in head


def test_a_signature_covers_what_the_documentation_says() -> None:
    headers = {
        "x-ms-version": "2023-11-03",
        "x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT",
        "x-ms-blob-type": "BlockBlob",
        "content-type": "application/octet-stream",
        "content-length": "11",
    }
    url = "https://myaccount.blob.core.windows.net/c/blob?timeout=20&Comp=block&marker=a%2Fb"
    assert string_to_sign("myaccount", "PUT", url, headers) == (
        "PUT\n\n\n11\n\napplication/octet-stream\n\n\n\n\n\n\n"
        "x-ms-blob-type:BlockBlob\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2023-11-03\n"
        "/myaccount/c/blob\ncomp:block\nmarker:a/b\ntimeout:20"
    )


async def test_a_signature_in_the_url_is_enough() -> None:
    account = Account()
    async with opened(account, "?sv=2023-11-03&sig=abc%3D", {}) as place:
        await place.write({"a": (b"A", 0.0)})
        await place.ping()
    assert all("sv=2023-11-03&sig=abc%3D" in head.split("\r\n")[0] for head in account.heads)
    assert not any("authorization" in head.lower() for head in account.heads)


async def test_a_login_is_the_last_way() -> None:
    account = Account()

    async def machine(peer: Peer) -> None:
        request = await peer.request()
        assert b"resource=https%3A%2F%2Fstorage.azure.com" in request
        body = b'{"access_token":"the-token","expires_in":3600,"token_type":"Bearer"}'
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with Upstream(machine) as entra:
        environ = {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{entra.port}/token", "IDENTITY_HEADER": "h"}
        async with opened(account, "", environ) as place:
            await place.write({"a": (b"A", 0.0)})
            assert list(await place.read(["a"])) == [b"A"]
    assert all(re.search(r"(?im)^authorization: bearer the-token\r?$", head) for head in account.heads)


async def test_what_goes_wrong_is_a_failure() -> None:
    account = Account()
    async with opened(account) as place:
        for account.status in (403, 500):
            with pytest.raises(place.failures):
                await place.read(["a"])
            with pytest.raises(place.failures):
                await place.write({"a": (b"A", 0.0)})
            with pytest.raises(place.failures):
                await place.ping()


def test_a_key_that_is_none_is_refused() -> None:
    params = CacheParams(
        type="azure-blob", azure_account_url="https://a", azure_blob_container="c", azure_account_key="?"
    )
    with pytest.raises(ConfigurationError, match="base64"):
        azure(params, {})
