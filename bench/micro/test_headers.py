"""Header lists: `pytest bench/micro/test_headers.py`."""

from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.upstreams.headers import add_times, add_upstream_headers, begin_answer, read_client_headers

CLIENT = [
    (b"host", b"gateway:4000"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"connection", b"keep-alive"),
    (b"accept", b"application/json"),
    (b"content-type", b"application/json"),
    (b"user-agent", b"OpenAI/Python 3.50.0"),
    (b"x-stainless-lang", b"python"),
    (b"x-stainless-runtime", b"CPython"),
    (b"authorization", b"Bearer sk-bench-0123456789abcdef0123"),
    (b"content-length", b"200"),
]
UPSTREAM = [
    (b"content-type", b"application/json"),
    (b"content-length", b"600"),
    (b"x-request-id", b"req_0123456789abcdef"),
    (b"openai-processing-ms", b"412"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
]


def test_read_client(benchmark: BenchmarkFixture) -> None:
    assert not benchmark(read_client_headers, CLIENT).steers


def test_answer(benchmark: BenchmarkFixture) -> None:
    """All headers of an answer, as one request makes them."""

    def make() -> int:
        headers = begin_answer(False, b"0123456789abcdef0000000000000001", True)
        add_upstream_headers(headers, UPSTREAM)
        add_times(headers, 0.0123, 0.0121, True)
        return len(headers)

    assert benchmark(make) > len(UPSTREAM)
