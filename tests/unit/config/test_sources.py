"""Where values come from: includes, references, `.env`, `environment_variables`, both spellings."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji.config import InvalidConfiguration, Loaded, dotenv, environment, load
from tianji.config.problems import Findings

from .conftest import MODEL, Snippet


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / next(iter(files))


def run(folder: Path, files: Mapping[str, str], **environ: str) -> Loaded:
    return load(write(folder, files), environ, directory=folder)


def models(*names: str) -> str:
    entries = [f"- {{model_name: {name}, litellm_params: {{model: openai/x}}}}\n" for name in names]
    return "model_list:\n" + "".join(entries)


# includes


def test_includes_are_read_once_breadth_first_and_cycles_end(tmp_path: Path) -> None:
    files = {
        "root.yaml": "include: [a.yaml, b.yaml]\n" + models("root"),
        "a.yaml": "include: [sub/c.yaml, root.yaml]\n" + models("a"),
        "b.yaml": "include: [sub/c.yaml]\n" + models("b"),
        "sub/c.yaml": "include: [d.yaml]\n" + models("c"),
        "sub/d.yaml": models("d"),
    }
    loaded = run(tmp_path, files)
    assert [entry.model_name for entry in loaded.config.model_list] == ["root", "a", "b", "c", "d"]
    assert [file.name for file in loaded.files] == ["root.yaml", "a.yaml", "b.yaml", "c.yaml", "d.yaml"]
    assert loaded.config.model_list[3].place == (tmp_path / "sub" / "c.yaml", 3)


def test_an_included_mapping_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    files = {
        "root.yaml": "include: [a.yaml]\nlitellm_settings: {drop_params: true}\n",
        "a.yaml": "tianji_settings: {num_retries: 7}\n",
    }
    loaded = run(tmp_path, files)
    assert loaded.config.litellm_settings.num_retries == 7
    assert loaded.config.litellm_settings.drop_params is None
    (problem,) = loaded.problems
    assert (problem.file, problem.line) == (tmp_path / "a.yaml", 1)
    assert "root.yaml:2" in problem.message


def test_a_file_next_to_the_root_serves_when_there_is_none_nearer(tmp_path: Path) -> None:
    files = {"root.yaml": "include: [sub/a.yaml]\n", "sub/a.yaml": "include: [b.yaml]\n", "b.yaml": models("far")}
    loaded = run(tmp_path, files)
    assert [entry.model_name for entry in loaded.config.model_list] == ["far"]
    assert len(loaded.problems) == 1
    loaded = run(tmp_path, {**files, "sub/b.yaml": models("near")})
    assert [entry.model_name for entry in loaded.config.model_list] == ["near"]
    assert "although" in loaded.problems[0].message


def test_an_included_list_and_a_missing_file_are_both_reported(tmp_path: Path) -> None:
    files = {"root.yaml": "include: [a.yaml, missing.yaml]\n", "a.yaml": "- 1\n"}
    with pytest.raises(InvalidConfiguration) as caught:
        run(tmp_path, files)
    assert sorted(problem.file.name for problem in caught.value.findings if problem.file) == ["a.yaml", "root.yaml"]


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="cannot be used: 1 error"):
        load(tmp_path / "none.yaml", {}, directory=tmp_path)


# references


def test_references_follow_the_rule(snippet: Snippet) -> None:
    loaded = snippet(
        "model_list:\n"
        "- model_name: m\n"
        "  litellm_params:\n"
        "    model: openai/x\n"
        "    api_key: os.environ/KEY\n"
        "    drop_params: os.environ/FLAG\n"
        "    timeout: os.environ/T\n"
        "    organization: [os.environ/KEY]\n"
        "    extra_headers: {A: Bearer os.environ/KEY, B: '${KEY}', C: $KEY, D: costs $5}\n"
        "    extra_body: {deep: [{x: os.environ/KEY}]}\n"
        "    api_base: os.environ/UNSET\n",
        KEY="secret",
        FLAG=" True ",
        T="30",
    )
    params = loaded.config.model_list[0].params
    assert (params.api_key, params.drop_params, params.timeout, params.api_base) == ("secret", True, 30, None)
    assert params.organization == "os.environ/KEY"
    assert params.extra_headers == {"A": "Bearer os.environ/KEY", "B": "${KEY}", "C": "$KEY", "D": "costs $5"}
    assert params.extra_body == {"deep": [{"x": "secret"}]}
    found = [(problem.line, problem.key.rpartition(".")[2]) for problem in loaded.problems]
    assert found == [(8, "organization[0]"), (9, "A"), (9, "B"), (9, "C"), (11, "api_base")]
    assert loaded.problems[2].remedy == "write os.environ/KEY"
    assert "UNSET" in loaded.problems[4].message


def test_keys_of_the_federation_family_are_never_resolved(snippet: Snippet) -> None:
    key = "anthropic_issuer_signing_key_ref"
    text = f"model_list:\n- {{model_name: m, litellm_params: {{model: openai/x, {key}: os.environ/K}}}}\n"
    assert snippet(text, K="v").config.model_list[0].params.provider == {key: "os.environ/K"}


def test_an_anchor_that_names_an_unset_variable_is_reported_once(snippet: Snippet) -> None:
    loaded = snippet(
        "x-key: &key\n  api_key: os.environ/UNSET\nmodel_list:\n"
        "- {model_name: m, litellm_params: {<<: *key, model: openai/x}}\n"
        "- {model_name: n, litellm_params: {<<: *key, model: openai/x}}\n"
    )
    assert [problem.line for problem in loaded.problems] == [2]


def test_a_deployment_that_requires_a_variable_is_silently_left_out(snippet: Snippet) -> None:
    text = (
        MODEL + "  - model_name: n\n    litellm_params: {model: openai/x, api_key: os.environ/K}\n"
        "    model_info: {requires_env: K}\n"
    )
    without, blank, present = snippet(text), snippet(text, K=""), snippet(text, K="v")
    assert [len(loaded.config.model_list) for loaded in (without, blank, present)] == [1, 1, 2]
    assert without.problems == ()


# environment


def test_environment_variables_are_exported_first(snippet: Snippet) -> None:
    loaded = snippet(
        "environment_variables: {ZED: zz, COPY: os.environ/OUTER, NONE: os.environ/UNSET, N: 5, B: true, PATH: /evil}\n"
        "model_list:\n- {model_name: m, litellm_params: {model: openai/x, api_key: os.environ/ZED}}\n",
        OUTER="out",
        PATH="/bin",
    )
    assert loaded.config.model_list[0].params.api_key == "zz"
    assert {name: loaded.environment.get(name) for name in ("COPY", "NONE", "N", "B", "PATH")} == {
        "COPY": "out", "NONE": None, "N": "5", "B": "True", "PATH": "/bin",
    }  # fmt: skip
    assert [problem.key for problem in loaded.problems] == ["environment_variables.NONE", "environment_variables.PATH"]


def test_dotenv_is_read_but_never_overrides(tmp_path: Path) -> None:
    files = {"c.yaml": MODEL, ".env": "A=1\nB=2\n"}
    loaded = run(tmp_path, files, A="mine")
    assert (loaded.environment["A"], loaded.environment["B"]) == ("mine", "2")
    assert loaded.files[-1] == tmp_path / ".env"


@pytest.mark.parametrize("name", ["LITELLM_MODE", "TIANJI_MODE"])
def test_dotenv_is_not_read_in_production(tmp_path: Path, name: str) -> None:
    loaded = run(tmp_path, {"c.yaml": MODEL, ".env": "A=1\n"}, **{name: "PRODUCTION"})
    assert "A" not in loaded.environment
    assert loaded.files == (tmp_path / "c.yaml",)


DOTENV = [
    ("A=b", "b"), ("export A=b", "b"), ("A = b c ", "b c"), ("A=b # c", "b"), ("A=b#c", "b#c"), ("A=", ""),
    ("A='b # c'", "b # c"), ("A='\\n'", "\\n"), ('A="b\\n\\"c\\"" # d', 'b\n"c"'), ("A=#x", ""), ("A=1\nA=2", "2"),
    ("A=${B}", "${B}"), ("A=x=y", "x=y"), ("# A=1\n\nA=2", "2"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), DOTENV)
def test_dotenv_lines(text: str, value: str) -> None:
    findings = Findings()
    assert dotenv.read(Path(".env"), text.encode(), findings) == {"A": value}
    assert findings.problems == ()


@pytest.mark.parametrize("line", ["A", "A-B=1", "1A=2", "A='b", 'A="b" c', "=x"])
def test_dotenv_lines_that_are_none_are_reported(line: str) -> None:
    findings = Findings()
    assert dotenv.read(Path(".env"), f"B=1\n{line}\n".encode(), findings) == {"B": "1"}
    assert [problem.line for problem in findings.problems] == [2]


@given(st.binary(max_size=80))
@settings(deadline=None)
def test_any_dotenv_is_read(data: bytes) -> None:
    values = dotenv.read(Path(".env"), data, Findings())
    assert not [value for value in values.values() if "\0" in value]


@given(st.text(st.characters(blacklist_characters="\0\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", codec="utf-8")))
@settings(deadline=None)
def test_a_quoted_dotenv_value_survives(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert dotenv.read(Path(".env"), f'A="{quoted}"'.encode(), Findings()) == {"A": value}


def test_lookup_prefers_the_older_name_unless_it_is_empty() -> None:
    assert environment.lookup({"LITELLM_X": "l", "TIANJI_X": "t"}, "X") == "l"
    assert environment.lookup({"LITELLM_X": "", "TIANJI_X": "t"}, "X") == "t"
    assert environment.lookup({"LITELLM_X": ""}, "X") == ""
    assert environment.lookup({}, "X") is None


# spelling


def test_tianji_names_mean_the_same(snippet: Snippet) -> None:
    loaded = snippet(
        "model_list:\n- {model_name: m, tianji_params: {model: openai/x}}\ntianji_settings: {num_retries: 4}\n"
        "guardrails: [{guardrail_name: g, tianji_params: {guardrail: presidio, mode: pre_call}}]\n"
        "router_settings: {default_tianji_params: {a: 1}}\ngeneral_settings: {tianji_jwtauth: {team_id_jwt_field: t}}\n"
    )
    assert loaded.config.model_list[0].params.model == "openai/x"
    assert loaded.config.litellm_settings.num_retries == 4
    assert loaded.config.router_settings.default_litellm_params == {"a": 1}
    assert loaded.config.guardrails[0].litellm_params["guardrail"] == "presidio"
    assert loaded.config.general_settings.litellm_jwtauth.team_id_jwt_field == "t"
    assert loaded.problems == ()


def test_the_older_name_wins_with_a_warning(snippet: Snippet) -> None:
    loaded = snippet(
        "model_list:\n- {model_name: m, litellm_params: {model: openai/a}, tianji_params: {model: openai/b}}\n"
        "tianji_settings: {num_retries: 4}\nlitellm_settings: {num_retries: 5}\n"
    )
    assert loaded.config.model_list[0].params.model == "openai/a"
    assert loaded.config.litellm_settings.num_retries == 5
    assert [(p.line, p.key) for p in loaded.problems] == [(3, "tianji_settings"), (2, "model_list[0].tianji_params")]


@pytest.mark.parametrize(
    ("text", "environ", "key"),
    [
        ("", {}, None),
        ("", {"TIANJI_MASTER_KEY": "t"}, "t"),
        ("", {"TIANJI_MASTER_KEY": "t", "LITELLM_MASTER_KEY": "l"}, "l"),
        ("general_settings: {master_key: null}", {"LITELLM_MASTER_KEY": "l"}, None),
        ("general_settings: {master_key: os.environ/X}", {"LITELLM_MASTER_KEY": "l"}, None),
        ("general_settings: {master_key: file}", {"LITELLM_MASTER_KEY": "l"}, "file"),
    ],
)
def test_the_master_key_is_the_file_s_else_the_environment_s(
    snippet: Snippet, text: str, environ: dict[str, str], key: str | None
) -> None:
    assert snippet(MODEL + text, **environ).config.general_settings.master_key == key
