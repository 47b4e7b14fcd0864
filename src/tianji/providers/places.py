"""Providers whose address depends on the model or the account: each function moves a request to its place."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from tianji.errors import ConfigurationError
from tianji.providers.deployment import Deployment

_BASETEN_MODEL = re.compile(r"[a-z0-9]{8}")
_COHERE_FORM = "/compatibility/v1"
_WHISPERS: Mapping[str, str] = {"whisper-v3": "audio-prod", "whisper-v3-turbo": "audio-turbo"}
_FAST_ROUTERS = re.compile(r".*-fast|auto")


class Place(Struct, frozen=True):
    """Where requests go and under which model name. `own` tells an address that the deployment or a variable gave.

    `query` goes behind every path, and `body` into every chat, whatever the client says.
    """

    base: str
    model: str
    paths: Mapping[str, str]
    headers: tuple[tuple[str, str], ...]
    own: bool
    query: Mapping[str, str] = {}
    body: Mapping[str, object] = {}


Mover = Callable[[Deployment, Place], Place]


def clarifai(_: Deployment, place: Place) -> Place:
    """`user.app.model` is the address of a model."""
    names = place.model.split(".", 2)
    if len(names) != 3:
        return place
    user, app, model = names
    return replace(place, model=f"https://clarifai.com/{user}/{app}/models/{model}")


def datarobot(_: Deployment, place: Place) -> Place:
    """Put the LLM gateway's path behind a bare host; addresses of single deployments stay."""
    if "/deployments/" in place.base:
        return replace(place, paths={"chat": "/chat/completions"})
    base = place.base.removesuffix("/chat/completions").removesuffix("/api/v2").removesuffix("/api/v2/genai/llmgw")
    return replace(place, base=base, paths={"chat": "/api/v2/genai/llmgw/chat/completions/"})


def baseten(_: Deployment, place: Place) -> Place:
    """Dedicated models, told by their id of eight letters, have a host each."""
    if place.own or not _BASETEN_MODEL.fullmatch(place.model):
        return place
    return replace(place, base=f"https://model-{place.model}.api.baseten.co/environments/production/sync/v1")


def beside(place: Place, folder: str, *operations: str) -> Place:
    """Return a place where some operations lie beside the folder of all others, where an address has that folder."""
    base = place.base.removesuffix(folder)
    if base == place.base:
        return place
    paths = {name: path if name in operations else folder + path for name, path in place.paths.items()}
    return replace(place, base=base, paths=paths)


def cohere(_: Deployment, place: Place) -> Place:
    """Put ranks beside the folder in which everything lies that is of OpenAI's form."""
    return beside(place, _COHERE_FORM, "rerank")


def deepinfra(_: Deployment, place: Place) -> Place:
    """Ranks have a path of each model: https://deepinfra.com/Qwen/Qwen3-Reranker-8B/api."""
    path = f"/inference/{quote(place.model, safe='/*')}"
    return beside(replace(place, paths={**place.paths, "rerank": path}), "/openai", "rerank")


def dashscope(_: Deployment, place: Place) -> Place:
    """Ranks and pictures lie beside what is of OpenAI's form: https://www.alibabacloud.com/help/en/model-studio."""
    paths = {**place.paths, "rerank": "/compatible-api/v1/reranks"}
    return beside(replace(place, paths=paths), "/compatible-mode/v1", "rerank", "image_generation")


def nvidia(_: Deployment, place: Place) -> Place:
    """Ranks are asked for at a host of their own, or at one's own server: https://docs.api.nvidia.com/nim/reference."""
    model = place.model.removeprefix("ranking/")
    if place.own or model != place.model:
        return replace(place, model=model, paths={**place.paths, "rerank": "/ranking"})
    if "rerank" not in model:
        return place
    path = f"/v1/retrieval/{quote(model, safe='/*')}/reranking"
    return replace(place, base="https://ai.api.nvidia.com", paths={"rerank": path})


def triton(_: Deployment, place: Place) -> Place:
    """Models lie beside each other; an address may lead to a method of one already, as LiteLLM's do."""
    base = place.base
    for method in ("/generate_stream", "/generate", "/infer"):
        base = base.removesuffix(method)
    return replace(place, base=f"{base}/{quote(place.model, safe='*')}" if base.endswith("/v2/models") else base)


def langflow(_: Deployment, place: Place) -> Place:
    """Each flow has an address: https://docs.langflow.org/api-flows-run."""
    base = place.base.removesuffix("/api/v1")
    return replace(place, base=f"{base}/api/v1/run/{quote(place.model, safe='*')}", query={"stream": "false"})


def unversioned(_: Deployment, place: Place) -> Place:
    """Leave out a version that an address ends with: the paths of these vendors begin with theirs."""
    return replace(place, base=place.base.removesuffix("/v1").removesuffix("/v2beta"))


def assemblyai(_: Deployment, place: Place) -> Place:
    """Have recordings heard at a host beside the one of chat, which is shown a bare key.

    https://www.assemblyai.com/docs/api-reference/overview; Europe's hosts are named alike.
    """
    base = place.base.removesuffix("/v1").removesuffix("/v2").replace("//llm-gateway.", "//api.", 1)
    headers = tuple((name, value.removeprefix("Bearer ")) for name, value in place.headers)
    return replace(place, base=base, headers=headers)


def fireworks(_: Deployment, place: Place) -> Place:
    """Short names stand for Fireworks' own account."""
    if "/" in place.model or "#" in place.model or "*" in place.model:
        return place
    if not place.own and place.model in _WHISPERS:  # https://docs.fireworks.ai/api-reference/audio-transcriptions
        return replace(place, base=f"https://{_WHISPERS[place.model]}.us-virginia-1.direct.fireworks.ai/v1")
    kind = "routers" if _FAST_ROUTERS.fullmatch(place.model) else "models"
    return replace(place, model=f"accounts/fireworks/{kind}/{place.model}")


def gradient(deployment: Deployment, place: Place) -> Place:
    """Go to the agent when one is set."""
    agent = deployment.environ.get("GRADIENT_AI_AGENT_ENDPOINT")
    if place.own or not agent:
        return place
    return replace(place, base=agent.rstrip("/") + "/api/v1")


def huggingface(_: Deployment, place: Place) -> Place:
    """`<provider>/<org>/<model>` is `<org>/<model>:<provider>` for the router.

    https://huggingface.co/docs/inference-providers/index#provider-selection. A server of one's own has its ranks beside
    what is of OpenAI's form.
    """
    names = place.model.split("/")
    if place.own:
        return beside(place, "/v1", "rerank")
    if len(names) != 3:
        return place
    return replace(place, model=f"{names[1]}/{names[2]}:{names[0]}")


def cloudflare(_: Deployment, place: Place) -> Place:
    """Addresses of the old run API mean the OpenAI form."""
    at = place.base.find("/ai/run")
    return place if at < 0 else replace(place, base=place.base[:at] + "/ai/v1")


def databricks(_: Deployment, place: Place) -> Place:
    """Names of three parts are in the Unity Catalog and are served by the workspace's AI gateway."""
    parts = urlsplit(place.base)
    base = place.base if parts.path else place.base + "/serving-endpoints"
    if place.model.count(".") >= 2:
        base = f"{parts.scheme}://{parts.netloc}/ai-gateway/mlflow/v1"
    return replace(place, base=base)


def snowflake(deployment: Deployment, place: Place) -> Place:
    """Say the kind of token in a header; programmatic access tokens are marked by `pat/`."""
    key = deployment.api_key or deployment.environ.get("SNOWFLAKE_JWT") or ""
    token = key.removeprefix("pat/")
    kind = "PROGRAMMATIC_ACCESS_TOKEN" if token != key else "KEYPAIR_JWT"
    mine = (("authorization", f"Bearer {token}"), ("x-snowflake-authorization-token-type", kind))
    place = beside(place, "/v1", "embeddings")
    return replace(place, headers=(*place.headers, *mine)) if key else place


def ragflow(deployment: Deployment, place: Place) -> Place:
    """`chat/<id>/<model>` and `agent/<id>/<model>` name an assistant or an agent."""
    names = place.model.split("/", 2)
    kinds = {"chat": "chats_openai", "agent": "agents_openai"}
    if len(names) != 3 or names[0] not in kinds:
        raise ConfigurationError(
            f"{deployment.label()}: write the model as ragflow/chat/<id>/<model> or ragflow/agent/<id>/<model>"
        )
    path = f"/api/v1/{kinds[names[0]]}/{quote(names[1], safe='')}/chat/completions"
    return replace(place, model=names[2], paths={"chat": path})


def watsonx(deployment: Deployment, place: Place) -> Place:
    """Say which version of the API is meant, and whose project or space a model is asked for in."""
    project = deployment.text("project_id") or deployment.text("watsonx_project")
    project = project or deployment.variable(("WATSONX_PROJECT_ID", "WX_PROJECT_ID", "PROJECT_ID"))
    space = deployment.text("space_id") or deployment.text("watsonx_space_id")
    space = space or deployment.variable(("WATSONX_SPACE_ID", "WATSONX_DEPLOYMENT_SPACE_ID", "WX_SPACE_ID"))
    body = {"project_id": project} if project else {"space_id": space} if space else {}
    version = deployment.text("api_version") or deployment.variable(("WATSONX_API_VERSION", "WX_API_VERSION"))
    return replace(place, query={"version": version or "2024-03-13"}, body=body)


def predibase(deployment: Deployment, place: Place) -> Place:
    """Go to a model of a tenant: https://docs.predibase.com/user-guide/inference/migrate-openai."""
    tenant = deployment.text("predibase_tenant_id") or deployment.text("tenant_id")
    tenant = tenant or deployment.variable(("PREDIBASE_TENANT_ID",))
    if place.own or not tenant:
        return place
    names = (quote(name, safe="") for name in (tenant, place.model))
    return replace(place, base="{}/{}/deployments/v2/llms/{}/v1".format(place.base, *names))


PLACES: Mapping[str, Mover] = {
    "clarifai": clarifai,
    "cohere": cohere,
    "deepinfra": deepinfra,
    "dashscope": dashscope,
    "nvidia": nvidia,
    "triton": triton,
    "langflow": langflow,
    "unversioned": unversioned,
    "datarobot": datarobot,
    "baseten": baseten,
    "assemblyai": assemblyai,
    "fireworks": fireworks,
    "gradient": gradient,
    "huggingface": huggingface,
    "cloudflare": cloudflare,
    "databricks": databricks,
    "snowflake": snowflake,
    "ragflow": ragflow,
    "watsonx": watsonx,
    "predibase": predibase,
}
