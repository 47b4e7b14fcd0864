"""Videos of vendors with a form of their own, in forms as their references show them.

Each module of `tianji.objects.videos.vendors` names the document that it follows.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import openai
import pytest
from tests.contract.accounting.books import row_of
from tests.contract.harness import BOOKS, Gateway
from tests.contract.objects.asking import client_of
from tests.contract.objects.keys import key
from tests.fakes.vendors import Answer, Vendors, plain

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
CONTENT = b"\0\0\0\x18ftypmp42 a video"
PICTURE = ("frame.png", b"\x89PNG", "image/png")
DATA = "data:image/png;base64,iVBORw=="
FAL = "bytedance/seedance-2.0/text-to-video"
WAN = "/api/v1/services/aigc/video-generation/video-synthesis"


class Case(NamedTuple):
    """One vendor: what the client asks, what the vendor is asked and says, and what it costs, nano-dollars."""

    upstream: str
    asked: dict[str, Any]
    path: str
    told: dict[str, Any]
    begun: dict[str, Any]
    look: str
    under_way: dict[str, Any]
    done: dict[str, Any]
    result: str
    lies: dict[str, Any]
    nano: int
    deletes: str | None = None


RUNWAY = "/v1/tasks/497f6eca"
CASES = {
    "runway": Case(
        "runwayml/gen4.5",
        {"seconds": "8", "size": "720x1280", "extra_body": {"seed": 7}},
        "/v1/text_to_video",
        {"model": "gen4.5", "promptText": "a red fox", "ratio": "720:1280", "seed": 7, "duration": 8},
        {"id": "497f6eca"},
        RUNWAY,
        {"id": "497f6eca", "status": "RUNNING", "createdAt": "2024-06-27T19:49:32.334Z", "progress": 0.25},
        {"id": "497f6eca", "status": "SUCCEEDED", "output": ["URL"]},
        RUNWAY,
        {"id": "497f6eca", "status": "SUCCEEDED", "output": ["URL"]},
        960_000_000,
        RUNWAY,
    ),
    "runway-picture": Case(
        "runwayml/gen4_turbo",
        {"input_reference": PICTURE},
        "/v1/image_to_video",
        {"model": "gen4_turbo", "promptText": "a red fox", "ratio": "1280:720", "duration": 5, "promptImage": DATA},
        {"id": "1"},
        "/v1/tasks/1",
        {"id": "1", "status": "THROTTLED"},
        {"id": "1", "status": "SUCCEEDED", "output": ["URL"]},
        "/v1/tasks/1",
        {"id": "1", "status": "SUCCEEDED", "output": ["URL"]},
        250_000_000,
        "/v1/tasks/1",
    ),
    "fal": Case(
        f"fal_ai/{FAL}",
        {"seconds": "6", "size": "1920x1080"},
        f"/{FAL}",
        {"prompt": "a red fox", "aspect_ratio": "16:9", "resolution": "1080p", "duration": "6"},
        {"request_id": "80e732af", "status_url": "https://queue.fal.run/elsewhere"},
        "/bytedance/seedance-2.0/requests/80e732af/status",
        {"status": "IN_QUEUE", "queue_position": 0},
        {"status": "COMPLETED", "request_id": "80e732af"},
        "/bytedance/seedance-2.0/requests/80e732af",
        {"video": {"url": "URL", "content_type": "video/mp4"}, "seed": 42},
        4_092_000_000,
    ),
    "hailuo": Case(
        "minimax/MiniMax-H3",
        {"seconds": "6", "input_reference": PICTURE, "extra_body": {"resolution": "2K"}},
        "/v2/video_generation",
        {
            "model": "MiniMax-H3",
            "content": [
                {"type": "text", "text": "a red fox"},
                {"type": "image_url", "image_url": {"url": DATA}, "role": "first_frame"},
            ],
            "resolution": "2K",
            "duration": 6,
        },
        {"task_id": "424010985738629"},
        "/v2/query/video_generation/424010985738629",
        {"task": {"id": "424010985738629", "status": "running"}},
        {"task": {"id": "424010985738629", "status": "succeeded", "content": {"url": "URL"}}},
        "/v2/query/video_generation/424010985738629",
        {"task": {"id": "424010985738629", "status": "succeeded", "content": {"url": "URL"}}},
        780_000_000,
        "/v2/video_generation/424010985738629",
    ),
    "hailuo-text": Case(
        "minimax/MiniMax-H3",
        {"size": "720x1280"},
        "/v2/video_generation",
        {
            "model": "MiniMax-H3",
            "content": [{"type": "text", "text": "a red fox"}],
            "resolution": "768P",
            "ratio": "9:16",
            "duration": 5,
        },
        {"task_id": "5"},
        "/v2/query/video_generation/5",
        {"task": {"id": "5", "status": "queued"}},
        {"task": {"id": "5", "status": "succeeded", "content": {"url": "URL"}}},
        "/v2/query/video_generation/5",
        {"task": {"id": "5", "status": "succeeded", "content": {"url": "URL"}}},
        400_000_000,
        "/v2/video_generation/5",
    ),
    "wan": Case(
        "dashscope/wan2.7-t2v",
        {"seconds": "10", "size": "1280x720", "extra_body": {"negative_prompt": "rain", "watermark": True}},
        WAN,
        {
            "model": "wan2.7-t2v",
            "input": {"prompt": "a red fox", "negative_prompt": "rain"},
            "parameters": {"resolution": "720P", "ratio": "16:9", "watermark": True, "duration": 10},
        },
        {"output": {"task_status": "PENDING", "task_id": "0385dc79"}, "request_id": "4909100c"},
        "/api/v1/tasks/0385dc79",
        {"output": {"task_id": "0385dc79", "task_status": "RUNNING"}},
        {"output": {"task_id": "0385dc79", "task_status": "SUCCEEDED", "video_url": "URL"}},
        "/api/v1/tasks/0385dc79",
        {"output": {"task_id": "0385dc79", "task_status": "SUCCEEDED", "video_url": "URL"}},
        860_120_000,
    ),
    "wan-picture": Case(
        "qwencloud/wan2.7-i2v",
        {"input_reference": PICTURE},
        WAN,
        {
            "model": "wan2.7-i2v",
            "input": {"prompt": "a red fox", "media": [{"type": "first_frame", "url": DATA}]},
            "parameters": {"duration": 5},
        },
        {"output": {"task_status": "PENDING", "task_id": "7"}},
        "/api/v1/tasks/7",
        {"output": {"task_id": "7", "task_status": "PENDING"}},
        {"output": {"task_id": "7", "task_status": "SUCCEEDED", "video_url": "URL"}},
        "/api/v1/tasks/7",
        {"output": {"task_id": "7", "task_status": "SUCCEEDED", "video_url": "URL"}},
        750_000_000,
    ),
    "wan-former": Case(
        "dashscope/wan2.6-i2v",
        {"input_reference": PICTURE, "size": "1920x1080"},
        WAN,
        {
            "model": "wan2.6-i2v",
            "input": {"prompt": "a red fox", "img_url": DATA},
            "parameters": {"resolution": "1080P", "duration": 5},
        },
        {"output": {"task_status": "PENDING", "task_id": "8"}},
        "/api/v1/tasks/8",
        {"output": {"task_id": "8", "task_status": "PENDING"}},
        {"output": {"task_id": "8", "task_status": "SUCCEEDED", "video_url": "URL"}},
        "/api/v1/tasks/8",
        {"output": {"task_id": "8", "task_status": "SUCCEEDED", "video_url": "URL"}},
        0,
    ),
}
ENDS = {"minimax": "/v1", "dashscope": "/compatible-mode/v1", "qwencloud": "/compatible-mode/v1"}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    def model(name: str, upstream: str) -> dict[str, Any]:
        base = vendors.url + ENDS.get(upstream.partition("/")[0], "")
        return {"model_name": name, "litellm_params": {"model": upstream, "api_base": base, "api_key": "k"}}

    config = {"model_list": [model(name, case.upstream) for name, case in CASES.items()]}
    with Gateway(config, tmp_path_factory.mktemp("films"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with client_of(gateway, key(gateway)) as made:
        yield made


def at(vendors: Vendors, said: Any) -> Answer:
    """An answer in which the video lies at the vendor's own host."""
    answer = plain(said)
    assert isinstance(answer.body, bytes)
    return answer._replace(body=answer.body.replace(b'"URL"', f'"{vendors.url}/films/a.mp4?sig=1"'.encode()))


@pytest.mark.parametrize("name", CASES)
def test_a_video_is_made_looked_at_fetched_and_paid_for(
    gateway: Gateway, client: openai.OpenAI, vendors: Vendors, name: str
) -> None:
    case = CASES[name]
    vendors.reset()
    vendors.say(case.path, plain(case.begun))
    vendors.say(case.look, plain(case.under_way), at(vendors, case.done))
    made = client.videos.create(model=name, prompt="a red fox", **case.asked)
    begun = vendors.last(case.path)
    assert begun.json == case.told
    assert begun.headers["authorization"] in ("Bearer k", "Key k")
    assert begun.headers["host"] == vendors.url.removeprefix("http://")
    assert (made.id[:8], made.status, made.model, made.prompt) == ("video_tj", "queued", name, "a red fox")
    seconds = case.asked.get("seconds", "5")
    assert (made.seconds, made.created_at > 0) == (seconds, True)
    under_way = client.videos.retrieve(made.id)
    assert under_way.status in ("queued", "in_progress")
    done = client.videos.retrieve(made.id)
    assert (done.id, done.status, done.progress, done.seconds) == (made.id, "completed", 100, seconds)
    asked = len(vendors.asked)
    assert client.videos.retrieve(made.id) == done
    assert len(vendors.asked) == asked, "what is done is not asked for again"
    vendors.say(case.result, at(vendors, case.lies))
    vendors.say("/films/a.mp4", Answer(CONTENT, 200, "video/mp4"))
    with client.videos.with_streaming_response.download_content(made.id) as content:
        assert (content.headers["content-type"], content.read()) == ("video/mp4", CONTENT)
    fetched = vendors.last("/films/a.mp4")
    assert (fetched.query, "authorization" in fetched.headers) == ("sig=1", False)
    row = row_of(gateway, "request_id", f"{made.id[-100:]}-cost")
    assert row["cost"] == case.nano
    if case.deletes is None:
        with pytest.raises(openai.BadRequestError, match="by itself"):
            client.videos.delete(made.id)
    else:
        vendors.say(f"DELETE {case.deletes}", plain({}))
        assert client.videos.delete(made.id).deleted
        assert vendors.asked[-1][:2] == ("DELETE", case.deletes)


@pytest.mark.parametrize(
    ("name", "said", "code", "message"),
    [
        ("runway", {"status": "FAILED", "failure": "no", "failureCode": "SAFETY.INPUT"}, "SAFETY.INPUT", "no"),
        ("fal", {"status": "COMPLETED", "error": "no", "error_type": "runner_error"}, "runner_error", "no"),
        ("hailuo", {"task": {"status": "failed", "error": {"code": "1026", "message": "no"}}}, "1026", "no"),
        ("wan", {"output": {"task_status": "FAILED", "code": "InvalidParameter", "message": "no"}},
         "InvalidParameter", "no"),
    ],
)  # fmt: skip
def test_one_that_failed_says_why(
    client: openai.OpenAI, vendors: Vendors, name: str, said: Any, code: str, message: str
) -> None:
    case = CASES[name]
    vendors.say(case.path, plain(case.begun))
    vendors.say(case.look, plain(said))
    vendors.say(case.result, plain(said)) if case.result != case.look else None
    made = client.videos.create(model=name, prompt="a red fox")
    failed = client.videos.retrieve(made.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.error.message) == ("failed", code, message)
    with pytest.raises(openai.BadRequestError, match="not ready"):
        client.videos.download_content(made.id)


def test_what_cannot_be_is_refused(gateway: Gateway, client: openai.OpenAI, vendors: Vendors) -> None:
    case = CASES["runway"]
    vendors.reset()
    for name, wrong in (
        ("runway", {"size": "large"}),
        ("fal", {"duration": "auto"}),
        ("hailuo", {"content": [{"type": "video_url"}]}),
        ("wan", {"parameters": {"duration": -1}}),
        ("runway", {"input_reference": {"image_url": "nothing"}}),
    ):
        with pytest.raises(openai.BadRequestError):
            client.post("/videos", cast_to=openai.types.Video, body={"model": name, "prompt": "x", **wrong})
    assert vendors.asked == []
    vendors.say(case.path, plain({"error": "no credits"}, 400))
    with pytest.raises(openai.BadRequestError, match="no credits"):
        client.videos.create(model="runway", prompt="x")
    vendors.say(case.path, plain({"message": "strange"}))
    with pytest.raises(openai.InternalServerError, match="strange"):
        client.videos.create(model="runway", prompt="x")
    vendors.say(case.path, plain(case.begun))
    made = client.videos.create(model="runway", prompt="x")
    with pytest.raises(openai.BadRequestError, match="does not change them"):
        client.videos.remix(made.id, prompt="blue")
    for url in ("http://127.0.0.1:1/x", "http://169.254.169.254/latest", "file:///etc/passwd"):
        vendors.say(case.look, plain({"status": "SUCCEEDED", "output": [url]}))
        with pytest.raises(openai.InternalServerError, match="does not go"):
            client.videos.download_content(made.id)
    with client_of(gateway, key(gateway)) as stranger, pytest.raises(openai.NotFoundError):
        stranger.videos.retrieve(made.id)
