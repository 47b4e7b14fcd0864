"""Videos through the gateway: OpenAI's client, models of three vendors, paid for once, and nobody else's."""

from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
from tests.contract.accounting.books import entries, row_of
from tests.contract.harness import Gateway, Mock
from tests.contract.objects.asking import client_of
from tests.contract.objects.keys import key

from tianji.mock.kept.videos import CONTENT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
PICTURE = ("frame.png", b"\x89PNG", "image/png")
GOOGLES = "/v1beta/models/veo-3.1-generate-001"


def make(client: openai.OpenAI, model: str = "sora", **members: Any) -> Any:
    return client.videos.create(**{"model": model, "prompt": "a red fox", "seconds": "8", **members})


def changing(client: openai.OpenAI, how: str, video: object, **members: str) -> Any:
    """Have a video changed, as the documents say; the client brings files alone there."""
    return client.post(f"/videos/{how}", cast_to=openai.types.Video, body={"prompt": "snow", "video": video, **members})


def cost_of(gateway: Gateway, video: Any) -> tuple[int, str]:
    row = row_of(gateway, "request_id", f"{video.id[-100:]}-cost")
    return row["cost"], row["call_type"]


def test_a_video_is_made_looked_at_fetched_and_deleted(client: openai.OpenAI, gateway: Gateway, mock: Mock) -> None:
    made = make(client, size="1280x720")
    assert mock.last()["json"] == {"model": "sora-2-pro", "prompt": "a red fox", "seconds": "8", "size": "1280x720"}
    assert (made.id[:8], made.status, made.model, made.seconds) == ("video_tj", "queued", "sora", "8")
    done = client.videos.retrieve(made.id)
    assert (done.id, done.status, done.progress, done.model) == (made.id, "completed", 100, "sora")
    with client.videos.with_streaming_response.download_content(made.id) as content:
        assert (content.headers["content-type"], content.read()) == ("video/mp4", CONTENT)
    client.videos.download_content(made.id, variant="thumbnail")
    assert mock.last()["target"].endswith("/content?variant=thumbnail")
    assert [(one.id, one.status) for one in client.videos.list()] == [(made.id, "completed")]
    assert client.videos.delete(made.id).deleted
    assert list(client.videos.list()) == []
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(made.id)
    assert cost_of(gateway, made) == (2_400_000_000, "acreate_video")  # what is asked later costs nothing
    made_by = row_of(gateway, "request_id", f"{made.id[-100:]}-cost")["key"]
    assert len(entries(gateway, 1, key=made_by)) == 1


def test_a_picture_comes_as_a_form(client: openai.OpenAI, mock: Mock) -> None:
    made = make(client, input_reference=PICTURE)
    body = mock.last()["body"]
    assert (made.status, "sora-2-pro" in body, 'filename="frame.png"' in body) == (
        "queued", True, True,
    )  # fmt: skip


def test_videos_are_made_of_videos(client: openai.OpenAI, gateway: Gateway, mock: Mock) -> None:
    first = make(client)
    anew = client.videos.remix(first.id, prompt="a blue fox")
    assert mock.last()["path"].endswith("/remix")
    assert (anew.remixed_from_video_id, anew.model, anew.seconds) == (first.id, "sora", "8")
    changed = changing(client, "edits", {"id": first.id})
    assert mock.last()["json"]["video"]["id"].startswith("video_mock")
    longer = changing(client, "extensions", {"id": first.id}, seconds="12")
    assert cost_of(gateway, anew) == (2_400_000_000, "avideo_remix")
    assert cost_of(gateway, changed) == (1_200_000_000, "avideo_edit")
    assert cost_of(gateway, longer) == (3_600_000_000, "avideo_extension")


def test_a_character_is_made_and_shown(client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock) -> None:
    with pytest.raises(openai.BadRequestError, match="say by `model`"):
        client.videos.create_character(name="fox", video=("fox.mp4", b"film", "video/mp4"))
    with pytest.raises(openai.BadRequestError, match="has no characters"):
        client.videos.create_character(name="fox", video=("fox.mp4", b"film"), extra_query={"model": "veo"})
    assert mock.requests() == []
    fox = client.videos.create_character(name="fox", video=("fox.mp4", b"film"), extra_query={"model": "sora"})
    body = mock.last()["body"]
    assert (mock.last()["path"], 'filename="fox.mp4"' in body, "sora" in body) == ("/v1/videos/characters", True, False)
    assert (str(fox.id)[:7], fox.name) == ("char_tj", "fox")
    assert client.videos.get_character(str(fox.id)).name == "fox"
    make(client, extra_body={"characters": [{"id": fox.id}]})
    assert [one["id"][:9] for one in mock.last()["json"]["characters"]] == ["char_mock"]
    before = len(mock.requests())
    with pytest.raises(openai.NotFoundError):
        stranger.videos.get_character(str(fox.id))
    with pytest.raises(openai.NotFoundError):
        make(stranger, extra_body={"characters": [{"id": fox.id}]})
    with pytest.raises(openai.BadRequestError, match="do not lie where its model is"):
        make(client, "clips", extra_body={"characters": [{"id": fox.id}]})
    with pytest.raises(openai.BadRequestError, match="characters"):
        make(client, extra_body={"characters": ["fox"]})
    assert len(mock.requests()) == before


@pytest.mark.parametrize(
    ("model", "size", "nano"),
    [
        ("sora", "1024x1792", 4_000_000_000),  # which the catalogue lists apart
        ("azure-sora", "720x1280", 800_000_000),
        ("clips", "1280x720", 160_000_000),
        ("clips", "1920x1080", 400_000_000),
        ("veo", "1280x720", 3_200_000_000),
        ("veo", "3840x2160", 4_800_000_000),
        ("other", "1280x720", 0),
    ],
)
def test_a_video_costs_its_seconds(gateway: Gateway, client: openai.OpenAI, model: str, size: str, nano: int) -> None:
    assert cost_of(gateway, make(client, model, size=size)) == (nano, "acreate_video")


def test_azures_videos_lie_behind_its_second_api(client: openai.OpenAI, mock: Mock) -> None:
    made = make(client, "azure-sora")
    assert mock.last()["target"] == "/openai/v1/videos"
    assert mock.last()["json"]["model"] == "sora-2"
    assert client.videos.download_content(made.id).read() == CONTENT


def test_geminis_videos_are_operations(client: openai.OpenAI, mock: Mock) -> None:
    made = make(client, "veo", size="720x1280", input_reference=PICTURE, extra_body={"negativePrompt": "rain"})
    assert mock.last()["path"] == f"{GOOGLES}:predictLongRunning"
    assert mock.last()["json"] == {
        "instances": [
            {"prompt": "a red fox", "image": {"bytesBase64Encoded": "iVBORw==", "mimeType": "image/png"}}
        ],
        "parameters": {
            "durationSeconds": 8, "aspectRatio": "9:16", "resolution": "720p", "negativePrompt": "rain",
        },
    }  # fmt: skip
    assert (made.status, made.model, made.seconds, made.size) == ("queued", "veo", "8", "720x1280")
    done = client.videos.retrieve(made.id)
    assert (done.id, done.status, done.created_at, done.prompt) == (made.id, "completed", made.created_at, "a red fox")
    asked = len(mock.requests())
    assert client.videos.retrieve(made.id) == done
    assert len(mock.requests()) == asked, "what is done is not asked for again"
    assert client.videos.download_content(made.id).read() == CONTENT
    assert mock.last()["target"].startswith("/v1beta/files/")
    assert mock.last()["target"].endswith(":download?alt=media")
    for refused in (
        lambda: client.videos.delete(made.id),
        lambda: client.videos.remix(made.id, prompt="blue"),
        lambda: client.videos.download_content(made.id, variant="thumbnail"),
    ):
        with pytest.raises(openai.BadRequestError):
            refused()


def test_vertex_ais_videos_come_within_an_answer(client: openai.OpenAI, mock: Mock) -> None:
    made = make(client, "vertex-veo")
    assert mock.last()["path"].endswith("/publishers/google/models/veo-3.1-generate-001:predictLongRunning")
    assert client.videos.retrieve(made.id).status == "completed"
    assert mock.last()["path"].endswith(":fetchPredictOperation")
    with client.videos.with_streaming_response.download_content(made.id) as content:
        assert (content.headers["content-type"], content.read()) == ("video/mp4", CONTENT)


def test_a_video_is_reserved_and_spent(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, max_budget=2)) as client:
        make(client)
        mock.reset()
        with pytest.raises(openai.APIStatusError, match="budget"):
            make(client)
        assert mock.requests() == []


def test_what_its_upstream_refuses_costs_nothing(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, max_budget=3)) as client:
        mock.control({"status": 400}, times=1)
        with pytest.raises(openai.BadRequestError):
            make(client)
        make(client)


def test_what_is_anothers_is_not_there(client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock) -> None:
    video = make(client)
    before = len(mock.requests())
    attempts: tuple[Callable[[], object], ...] = (
        lambda: stranger.videos.retrieve(video.id),
        lambda: stranger.videos.download_content(video.id),
        lambda: stranger.videos.delete(video.id),
        lambda: stranger.videos.remix(video.id, prompt="x"),
        lambda: changing(stranger, "edits", {"id": video.id}),
        lambda: changing(stranger, "extensions", video.id),
    )
    for attempt in attempts:
        with pytest.raises(openai.NotFoundError):
            attempt()
    assert list(stranger.videos.list()) == []
    assert len(mock.requests()) == before


def test_a_model_that_makes_none_is_refused(client: openai.OpenAI, mock: Mock) -> None:
    with pytest.raises(openai.BadRequestError, match="makes videos"):
        make(client, "nowhere")
    with pytest.raises(openai.BadRequestError, match="model"):
        client.videos.create(prompt="a red fox")
    with pytest.raises(openai.BadRequestError, match="seconds"):
        make(client, "veo", seconds="long")
    with pytest.raises(openai.APIStatusError):
        make(client, "no-such-model")
    assert mock.requests() == []


def test_a_name_of_ones_own_upstream_is_hidden(gateway: Gateway, client: openai.OpenAI) -> None:
    made = make(client)
    told = httpx.get(f"{gateway.url}/v1/videos/{made.id}", headers={"authorization": f"Bearer {client.api_key}"}).text
    assert "video_mock" not in told
    assert "sora-2-pro" not in told
