"""Which form a model of Vertex AI is asked in: Google's, Anthropic's, OpenAI's, or that of its maker.

https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/use-partner-models and
.../maas/use-open-models, .../multimodal/call-vertex-using-openai-library for one's own endpoints.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.protocol.ranks import Style
from tianji.providers import google, openai_compatible, table
from tianji.providers.deployment import Deployment
from tianji.providers.own import anthropic
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import EMBEDDINGS, MEDIA, PATHS, OwnForm, Shaping

CLAUDE: Final = "tianji.protocol.anthropic.vertex"
RAW: Final = "tianji.protocol.vendors.vertex_raw"
OPEN_RULES: Final = Rules(removed=frozenset({"user", "store"}), conditions=(USED_TOOL_CHOICE,))
RANKER: Final = "semantic-ranker"
RANKING_HOST: Final = "discoveryengine.googleapis.com"
"""https://cloud.google.com/generative-ai-app-builder/docs/ranking"""
SPEAKER: Final = "chirp"
SPEECH_HOST: Final = "texttospeech.googleapis.com"
RANKS: Final = "/rankingConfigs/default_ranking_config:rank"
_RULES: Final[Mapping[str, str]] = {"mistral": "mistral", "codestral": "mistral", "jamba": "ai21"}
_NOT_SERVED: Final = ("gemma/", "agent_engine/", "bge", "projects/")


class Form(Struct, frozen=True, kw_only=True):
    """How a model is asked. projects: it has to be asked by a project, and not with an API key.

    host: of a service beside Vertex AI; root: what of a project and a location stands in its addresses
    """

    paths: Mapping[str, str] = {}
    shaping: Shaping
    plain: Shaping | None = None
    protocol: str | None = None
    embeddings: str | None = None
    media: Mapping[str, str] = {}
    own_forms: Mapping[str, OwnForm] = {}
    ranks: Style = "vertex"
    projects: bool = True
    host: str | None = None
    root: str = "/v1/projects/{project}/locations/{location}"


def form_of(deployment: Deployment) -> Form:
    """Return the form of a deployment's model. Raises ConfigurationError for one that is not served."""
    model = deployment.model
    if model.startswith(_NOT_SERVED):
        raise ConfigurationError(
            f"{deployment.label()}: of Vertex AI this release does not serve Model Garden's predictions and agents; "
            "give the model an endpoint of its own and name it openai/<id of the endpoint>, or remove the entry"
        )
    if model.startswith("claude"):
        return Form(shaping=compile_shaping(deployment, anthropic.RULES), protocol=CLAUDE, projects=False)
    if model.startswith(RANKER):
        return Form(
            paths={"rerank": RANKS},
            shaping=compile_shaping(deployment, Rules()),
            plain=plain_shaping(deployment),
            host=RANKING_HOST,
            root="/v1/projects/{project}/locations/global",
        )
    if model == SPEAKER:
        return Form(
            paths={"audio_speech": PATHS["audio_speech"]},
            shaping=compile_shaping(deployment, Rules()),
            plain=plain_shaping(deployment),
            media={"audio_speech": f"{MEDIA}.google_synthesis"},
            host=SPEECH_HOST,
            root="/v1",
        )
    if "/" in model and "*" not in model:
        return _open(deployment)
    if load(RAW).publisher(model) is not None:
        return _raw(deployment)
    return _google(deployment)


def _open(deployment: Deployment) -> Form:
    """Open models as a service have one address for all; an endpoint of one's own has another."""
    endpoint = deployment.model.removeprefix("openai/")
    place = endpoint if endpoint.isdigit() else "openapi"
    return Form(paths={"chat": f"/endpoints/{place}/chat/completions"}, shaping=compile_shaping(deployment, OPEN_RULES))


def _raw(deployment: Deployment) -> Form:
    row = next(row for start, row in _RULES.items() if deployment.model.startswith(start))
    rules = openai_compatible.rules(table.rows()[row], deployment.model)
    return Form(shaping=compile_shaping(deployment, rules), protocol=RAW)


def _google(deployment: Deployment) -> Form:
    shaping = google.shaping_of(deployment)
    if "embedding" in deployment.model:
        return Form(shaping=shaping, embeddings=EMBEDDINGS, projects=False)
    media = google.media_of(deployment.model)
    talks = not deployment.model.startswith(google.PAINTERS)
    return Form(
        paths={**(google.SOCKETS if talks else {}), **google.made(media)},
        shaping=shaping,
        plain=plain_shaping(deployment) if media else None,
        protocol=google.PROTOCOL if talks else None,
        media=media,
        own_forms={"gemini": google.own_form(deployment)} if talks else {},
        projects=False,
    )
