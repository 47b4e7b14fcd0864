"""What the database adds: the file goes first, and what cannot be used costs itself alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from tianji.config import Loaded
from tianji.config.additions import Additions, Stored, extend, in_file

from .conftest import MODEL, Snippet


def one(name: str, **more: Any) -> Stored:
    """A deployment; `info` is its model_info, everything else its parameters."""
    info = more.pop("info", {})
    return Stored(id=name, name=name, params={"model": "openai/x", **more}, info=info)


def extended(loaded: Loaded, *models: Stored, **more: Any) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The parameters of the deployments by id, and what was left out."""
    found = extend(loaded, Additions(models=models, **more), lambda params: "refused" if params.rpm == 13 else None)
    return {entry.id: entry.params for entry in found.loaded.config.model_list}, found.left_out


@pytest.fixture
def loaded(snippet: Snippet) -> Loaded:
    return snippet(
        MODEL.replace("}}", "}, model_info: {id: of-file}}")
        + "credential_list: [{credential_name: c, credential_values: {api_key: of-the-file}, credential_info: {}}]\n"
        "router_settings: {fallbacks: [{m: [a]}]}\n",
        FROM_ENV="value",
    )


def test_deployments_stand_behind_those_of_the_file(loaded: Loaded) -> None:
    found, left_out = extended(loaded, one("new", api_key="os.environ/FROM_ENV", temperature=0.5))
    assert list(found) == ["of-file", "new"]
    assert (found["new"].api_key, found["new"].passed, left_out) == ("value", {"temperature": 0.5}, {})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (one("bad", rpm="many"), "litellm_params.rpm: must be"),
        (one("bad", rpm=13), "litellm_params.model: refused"),
        (one("bad", model=None), "litellm_params"),
        (one("bad", model=["x"]), "litellm_params.model"),
        (one("bad", info={"access_windows": [{"begin": 1}]}), "access_windows"),
        (one("bad", litellm_credential_name="none"), "there is no such credential"),
        (one("bad", model="auto_router/x"), "an auto router"),
        (one("of-file"), "has a deployment of this id"),
    ],
)
def test_a_bad_one_costs_itself(loaded: Loaded, bad: Stored, said: str) -> None:
    found, left_out = extended(loaded, bad, one("good"))
    assert set(found) == {"of-file", "good"}
    assert list(left_out) == [bad.id]
    assert said in left_out[bad.id]
    assert "model_list[" not in left_out[bad.id]
    (complaint,) = extend(
        loaded, Additions(models=(bad,)), lambda _: None if bad.params.get("rpm") != 13 else "refused"
    ).complaints(Additions(models=(bad,)))
    assert complaint.startswith(f"model {bad.name} ({bad.id}) of the database: ")


def test_one_for_another_environment_is_left_out_without_a_word(loaded: Loaded) -> None:
    found, left_out = extended(loaded, one("elsewhere", info={"requires_env": "NOT_SET"}))
    assert (set(found), left_out) == ({"of-file"}, {})


def test_credentials_of_the_file_go_first(loaded: Loaded) -> None:
    kept = {"c": {"api_key": "of-the-database"}, "d": {"api_key": "another"}}
    models = (one("first", litellm_credential_name="c"), one("second", litellm_credential_name="d"))
    found, _ = extended(loaded, *models, credentials=kept)
    assert (found["first"].api_key, found["second"].api_key) == ("of-the-file", "another")


def test_fallbacks_of_the_file_go_first(loaded: Loaded) -> None:
    rules = {"general": {"m": ("b",), "n": ("c",)}, "content_policy": {"m": ("d",)}, "context_window": {}}
    config = extend(loaded, Additions(fallbacks=rules), lambda _: None).loaded.config  # type: ignore[arg-type]
    assert [dict(rule) for rule in in_file(config, "general")] == [{"m": ("a",)}, {"n": ("c",)}]
    assert [dict(rule) for rule in in_file(config, "content_policy")] == [{"m": ("d",)}]
    assert in_file(config, "context_window") == in_file(loaded.config, "context_window") == ()
