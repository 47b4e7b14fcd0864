"""Every row of the table: it builds, goes where it says, and needs the key it says."""

import pytest

from tianji.lazy import load
from tianji.providers import build
from tianji.providers.logins.exchanged import LOGINS
from tianji.providers.modules import MODULES
from tianji.providers.openai_compatible import STEPS, VENDORS
from tianji.providers.places import PLACES
from tianji.providers.steps.parameters import CONTROL_FIELDS, OPENAI_PARAMS
from tianji.providers.table import Row, rows, unserved
from tianji.providers.upstream import MEDIA, PATHS

ROWS = sorted(rows())
BY_KEY = [name for name in ROWS if rows()[name].login is None]  # test_logins.py has the others
ELSEWHERE = {  # where the address is not the row's base and the operation's path
    "datarobot": "https://app.datarobot.com/api/v2/genai/llmgw/chat/completions/",
    "cloudflare": "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions",
    "snowflake": "https://acc.snowflakecomputing.com/api/v2/cortex/v1/chat/completions",
    "bedrock_mantle": "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions",
    "ragflow": "https://own.test/v1/api/v1/chats_openai/id1/chat/completions",
}
ENVIRON = {"CLOUDFLARE_ACCOUNT_ID": "acc", "SNOWFLAKE_ACCOUNT_ID": "acc"}


def model_of(row: Row) -> str:
    return "chat/id1/m" if row.name == "ragflow" else "m"


def params_of(row: Row) -> dict[str, object]:
    params: dict[str, object] = {"model": f"{row.name}/{model_of(row)}"}
    if row.base is None:
        params["api_base"] = "https://own.test/v1/"
    return params


@pytest.mark.parametrize("name", ROWS)
def test_address(name: str) -> None:
    row = rows()[name]
    upstream = build(params_of(row), ENVIRON, drop_params=False)
    assert upstream.provider == name
    if row.protocol is not None:
        assert set(upstream.paths) == set(row.offers) - {"chat"}
        assert load(str(upstream.protocol)).outbound
        return
    operation = row.offers[0]
    expected = ELSEWHERE.get(name, f"{row.base or 'https://own.test/v1'}{PATHS[operation]}")
    assert upstream.base_url + upstream.paths[operation] == expected
    assert set(upstream.paths) == set(row.offers)
    assert upstream.query == ""


@pytest.mark.parametrize("name", BY_KEY)
def test_key_is_read_from_every_variable_in_order(name: str) -> None:
    row = rows()[name]
    for index, variable in enumerate(row.key_variables):
        environ = ENVIRON | {later: f"key-{later}" for later in row.key_variables[index:]}
        upstream = build(params_of(row), environ, drop_params=False)
        shown = f"key-{variable}" if row.key_header else f"{row.scheme or 'Bearer'} key-{variable}"
        assert dict(upstream.headers)[(row.key_header or "authorization").encode()] == shown.encode()
        assert upstream.secrets == (f"key-{variable}",)
        assert upstream.key_missing is None
        assert f"key-{variable}" not in repr(upstream)


@pytest.mark.parametrize("name", BY_KEY)
def test_a_missing_key_names_every_variable(name: str) -> None:
    row = rows()[name]
    upstream = build(params_of(row), ENVIRON, drop_params=False)
    assert b"authorization" not in dict(upstream.headers)
    if row.keyless:
        assert upstream.key_missing is None
    else:
        assert upstream.key_missing is not None
        assert all(variable in upstream.key_missing for variable in row.key_variables)


@pytest.mark.parametrize("name", ROWS)
def test_an_address_of_ones_own_wins(name: str) -> None:
    row = rows()[name]
    for variable in row.base_variables:
        environ = ENVIRON | {variable: "https://from-env.test/v1"}
        upstream = build({"model": f"{name}/{model_of(row)}"}, environ, drop_params=False)
        assert upstream.base_url.startswith("https://from-env.test")
    params = {"model": f"{name}/{model_of(row)}", "api_base": "https://from-params.test/v1"}
    environ = ENVIRON | dict.fromkeys(row.base_variables, "https://from-env.test/v1")
    assert build(params, environ, drop_params=False).base_url.startswith("https://from-params.test")


@pytest.mark.parametrize("name", ROWS)
def test_fields_are_consistent(name: str) -> None:
    row = rows()[name]
    assert row.takes is None or not row.lacks
    assert (row.takes or frozenset()) <= OPENAI_PARAMS
    assert row.lacks <= OPENAI_PARAMS
    assert not row.drops & CONTROL_FIELDS
    assert set(row.steps) <= set(STEPS)
    assert all(rule.lacks <= OPENAI_PARAMS and set(rule.steps) <= set(STEPS) for rule in row.models)
    assert {row.place, row.task_place} <= {None, *PLACES}
    assert set(row.forms) | row.tasks <= set(row.offers)
    assert not row.tasks or load(f"{MEDIA}.{name}").begun
    assert all(load(f"{MEDIA}.{module}").outbound for module in row.forms.values())
    assert row.login is None or row.login in LOGINS
    for protocol in (row.protocol, *(rule.protocol for rule in row.models)):
        assert protocol is None or load(f"{VENDORS}.{protocol}").outbound
    assert not set(row.rename) & set(row.rename.values())
    assert name not in unserved()


def test_every_step_and_place_is_used() -> None:
    used = {step for row in rows().values() for step in row.steps}
    used |= {step for row in rows().values() for rule in row.models for step in rule.steps}
    assert used == set(STEPS)
    assert {place for row in rows().values() for place in (row.place, row.task_place) if place} == set(PLACES)
    assert {row.login for row in rows().values() if row.login} == set(LOGINS)


def test_what_is_served_is_not_said_to_be_unserved() -> None:
    assert not set(MODULES) & {*unserved(), *rows()}


def test_shaping_invariants_hold_for_every_row() -> None:
    for row in rows().values():
        for drop_params in (False, True):
            shaping = build(params_of(row), ENVIRON, drop_params=drop_params).shaping
            names = {name for name, _ in shaping.defaults}
            assert not names & shaping.drop
            assert not names & {old for old, _ in shaping.rename}
            assert "metadata" in shaping.drop
            assert not shaping.refuse & {"user", "stream", "stream_options", "n"}
            assert not (drop_params and shaping.refuse)


@pytest.mark.parametrize(
    ("params", "environ", "address", "model"),
    [
        ({"model": "clarifai/openai.chat.gpt"}, {}, None, "https://clarifai.com/openai/chat/models/gpt"),
        (
            {"model": "datarobot/m", "api_base": "https://h/api/v2/deployments/1/"},
            {},
            "https://h/api/v2/deployments/1/chat/completions",
            "m",
        ),
        (
            {"model": "baseten/abcd1234"},
            {},
            "https://model-abcd1234.api.baseten.co/environments/production/sync/v1/chat/completions",
            "abcd1234",
        ),
        ({"model": "fireworks_ai/llama"}, {}, None, "accounts/fireworks/models/llama"),
        ({"model": "fireworks_ai/glm-fast"}, {}, None, "accounts/fireworks/routers/glm-fast"),
        ({"model": "fireworks_ai/accounts/a/models/b"}, {}, None, "accounts/a/models/b"),
        (
            {"model": "gradient_ai/m"},
            {"GRADIENT_AI_AGENT_ENDPOINT": "https://agent.test/"},
            "https://agent.test/api/v1/chat/completions",
            "m",
        ),
        ({"model": "huggingface/groq/meta/llama"}, {}, None, "meta/llama:groq"),
        ({"model": "huggingface/meta/llama"}, {}, None, "meta/llama"),
        (
            {"model": "huggingface/meta/llama", "api_base": "https://tgi.test"},
            {},
            "https://tgi.test/v1/chat/completions",
            "meta/llama",
        ),
        (
            {"model": "cloudflare/@cf/m", "api_base": "https://api.cloudflare.com/client/v4/accounts/a/ai/run/"},
            {},
            "https://api.cloudflare.com/client/v4/accounts/a/ai/v1/chat/completions",
            "@cf/m",
        ),
        (
            {"model": "databricks/m", "api_base": "https://w.test"},
            {},
            "https://w.test/serving-endpoints/chat/completions",
            "m",
        ),
        (
            {"model": "databricks/a.b.c", "api_base": "https://w.test/serving-endpoints"},
            {},
            "https://w.test/ai-gateway/mlflow/v1/chat/completions",
            "a.b.c",
        ),
        ({"model": "openrouter/auto"}, {}, None, "openrouter/auto"),
        (
            {"model": "bedrock_mantle/m"},
            {"AWS_REGION": "eu-west-1"},
            "https://bedrock-mantle.eu-west-1.api.aws/v1/chat/completions",
            "m",
        ),
    ],
)
def test_places(params: dict[str, object], environ: dict[str, str], address: str | None, model: str | None) -> None:
    upstream = build(params, environ, drop_params=False)
    if address is not None:
        assert upstream.base_url + upstream.paths["chat"] == address
    if model is not None:
        assert upstream.model == model


def test_headers_of_rows() -> None:
    def headers(model: str, **environ: str) -> dict[bytes, bytes]:
        return dict(build({"model": model, "api_key": "secret-1"}, ENVIRON | environ, drop_params=False).headers)

    assert headers("sarvam/m")[b"api-subscription-key"] == b"secret-1"
    assert headers("openrouter/a/b", OR_SITE_URL="https://me.test")[b"http-referer"] == b"https://me.test"
    assert b"x-title" not in headers("openrouter/a/b")
    assert headers("snowflake/m")[b"x-snowflake-authorization-token-type"] == b"KEYPAIR_JWT"
    snowflake = build({"model": "snowflake/m", "api_key": "pat/tok"}, ENVIRON, drop_params=False)
    assert dict(snowflake.headers)[b"authorization"] == b"Bearer tok"
    assert dict(snowflake.headers)[b"x-snowflake-authorization-token-type"] == b"PROGRAMMATIC_ACCESS_TOKEN"


@pytest.mark.parametrize(
    ("params", "operation", "address", "model"),
    [
        (
            {"model": "nvidia_nim/nvidia/nv-rerankqa-mistral-4b-v3"},
            "rerank",
            "https://ai.api.nvidia.com/v1/retrieval/nvidia/nv-rerankqa-mistral-4b-v3/reranking",
            "nvidia/nv-rerankqa-mistral-4b-v3",
        ),
        (
            {"model": "nvidia_nim/ranking/nvidia/llama-rerank"},
            "rerank",
            "https://integrate.api.nvidia.com/v1/ranking",
            "nvidia/llama-rerank",
        ),
        (
            {"model": "nvidia_nim/meta/llama"},
            "chat",
            "https://integrate.api.nvidia.com/v1/chat/completions",
            "meta/llama",
        ),
        (
            {"model": "dashscope/gte-rerank-v2"},
            "rerank",
            "https://dashscope.aliyuncs.com/compatible-api/v1/reranks",
            "gte-rerank-v2",
        ),
        (
            {"model": "dashscope/qwen-max"},
            "chat",
            "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
            "qwen-max",
        ),
        (
            {"model": "deepinfra/Qwen/Qwen3-Reranker-8B"},
            "rerank",
            "https://api.deepinfra.com/v1/inference/Qwen/Qwen3-Reranker-8B",
            "Qwen/Qwen3-Reranker-8B",
        ),
        ({"model": "deepinfra/m"}, "chat", "https://api.deepinfra.com/v1/openai/chat/completions", "m"),
        (
            {"model": "fireworks_ai/whisper-v3-turbo"},
            "transcription",
            "https://audio-turbo.us-virginia-1.direct.fireworks.ai/v1/audio/transcriptions",
            "whisper-v3-turbo",
        ),
        (
            {"model": "huggingface/BAAI/bge", "api_base": "https://tei.test"},
            "rerank",
            "https://tei.test/rerank",
            "BAAI/bge",
        ),
        (
            {"model": "huggingface/BAAI/bge", "api_base": "https://tei.test"},
            "chat",
            "https://tei.test/v1/chat/completions",
            "BAAI/bge",
        ),
        (
            {"model": "watsonx/m", "project_id": "p"},
            "transcription",
            "https://us-south.ml.cloud.ibm.com/ml/v1/audio/transcriptions",
            "m",
        ),
    ],
)
def test_places_beside_others(params: dict[str, object], operation: str, address: str, model: str) -> None:
    upstream = build({"api_key": "k", **params}, {}, drop_params=False)
    assert (upstream.base_url + upstream.paths[operation], upstream.model) == (address, model)


@pytest.mark.parametrize(
    ("model", "base", "address"),
    [
        ("triton/llama", None, "http://localhost:8000/v2/models/llama"),
        ("triton/llama", "http://t.test/v2/models/own/generate", "http://t.test/v2/models/own"),
        ("langflow/flow 1", None, "http://localhost:7860/api/v1/run/flow%201"),
        ("elevenlabs/m", "https://e.test/v1", "https://e.test"),
    ],
)
def test_addresses_that_say_the_rest_themselves(model: str, base: str | None, address: str) -> None:
    assert build({"model": model, "api_base": base}, {}, drop_params=False).base_url == address
