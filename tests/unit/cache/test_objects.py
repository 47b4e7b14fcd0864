"""Answers in a bucket: what is asked of it, and what its answers mean."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.fakes.upstream import Peer, Upstream
from tests.unit.cache.service import Service

from tianji.cache.backends.objects import BucketPlace, gcs, s3
from tianji.config.schema import CacheParams
from tianji.errors import ConfigurationError

KEYS = {"s3_aws_access_key_id": "AKID", "s3_aws_secret_access_key": "secret"}
PAGE = 2  # objects of a listing


class Bucket(Service):
    """The objects of one bucket, in the words of S3's API."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(target)
        name = parts.path.removeprefix("/the-bucket").removeprefix("/")
        if method == "PUT":
            self.objects[name] = body
        elif method == "DELETE":
            self.objects.pop(name, None)
        elif name:
            return (200, self.objects[name]) if name in self.objects else (404, b"<Error/>")
        else:
            return 200, self.listed(parse_qs(parts.query))
        return 200, b""

    def listed(self, query: dict[str, list[str]]) -> bytes:
        assert query["list-type"] == ["2"]
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", [""])[0]))
        names = [name for name in names if name > query.get("continuation-token", [""])[0]]
        more = f"<NextContinuationToken>{names[PAGE - 1]}</NextContinuationToken>" if len(names) > PAGE else ""
        keys = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in names[:PAGE])
        return f"<ListBucketResult>{keys}{more}</ListBucketResult>".encode()


@asynccontextmanager
async def opened(bucket: Bucket, **params: object) -> AsyncIterator[BucketPlace]:
    async with Upstream(bucket) as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        written = CacheParams(type="s3", s3_bucket_name="the-bucket", s3_endpoint_url=url, **KEYS, **params)  # type: ignore[arg-type]
        place = s3(written, {})
        try:
            yield place
        finally:
            await place.aclose()


async def test_what_is_written_is_read_and_forgotten() -> None:
    bucket = Bucket()
    async with opened(bucket, s3_path="/answers/") as place:
        await place.ping()
        await place.write({"ns:ab": (b"A\x00", 5.0), "cd": (b"C", 0.0)})
        assert sorted(bucket.objects) == ["answers/cd", "answers/ns/ab"]
        assert list(await place.read(["ns:ab", "none", "cd"])) == [b"A\x00", None, b"C"]
        await place.delete(["cd", "none"])
        assert sorted(bucket.objects) == ["answers/ns/ab"]
        await place.write({f"k{number}": (b"x", 0.0) for number in range(5)})
        bucket.objects["another's"] = b"1"
        await place.clear()
        assert bucket.objects == {"another's": b"1"}


async def test_requests_are_signed_for_s3() -> None:
    bucket = Bucket()
    async with opened(bucket, s3_region_name="eu-central-1", s3_aws_session_token="tok") as place:
        await place.read(["a b"])  # a name that would need an escape is written in hex
    (head,) = bucket.heads
    assert head.startswith(f"GET /the-bucket/{b'a b'.hex()} HTTP/1.1")
    assert re.search(r"(?im)^x-amz-security-token: tok\r$", head)
    assert re.search(r"(?i)credential=AKID/\d{8}/eu-central-1/s3/aws4_request", head)
    assert "x-amz-content-sha256;x-amz-date;x-amz-security-token" in head


async def test_what_goes_wrong_is_a_failure() -> None:
    bucket = Bucket()
    async with opened(bucket) as place:
        for bucket.status in (403, 500):
            with pytest.raises(place.failures):
                await place.read(["a"])
        bucket.status = 404  # there is no such bucket
        with pytest.raises(place.failures):
            await place.ping()
        assert list(await place.read(["a"])) == [None]


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="s3_region_name"):
        s3(CacheParams(type="s3", s3_bucket_name="b", s3_region_name="here/there"), {})


async def test_google_is_asked_with_a_token() -> None:
    bucket = Bucket()

    async def metadata(peer: Peer) -> None:
        await peer.request()
        body = b'{"access_token":"ya29.token","expires_in":3600}'
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with Upstream(bucket) as upstream, Upstream(metadata) as machine:
        environ = {
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{upstream.port}",
            "GCE_METADATA_HOST": f"127.0.0.1:{machine.port}",
            "HOME": "/nowhere",
        }
        params = CacheParams(type="gcs", gcs_bucket_name="the-bucket", gcs_path="p")
        place = await asyncio.to_thread(gcs, params, environ)  # it may read a file
        await place.write({"a": (b"A", 0.0)})
        assert list(await place.read(["a"])) == [b"A"]
        await place.aclose()
    assert bucket.objects == {"p/a": b"A"}
    assert all(re.search(r"(?im)^authorization: bearer ya29.token\r$", head) for head in bucket.heads)
