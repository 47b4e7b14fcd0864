"""What references stand for where a secret manager is configured: LiteLLM's rule, and what is said when it fails."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.config import InvalidConfiguration, Loaded, Problem, load
from tianji.config.secrets import Answers, Choice, Managers, SecretFailure, Secrets, Source

AWAY = SecretFailure("the manager is away")
MODEL = "model_list:\n  - {model_name: m, litellm_params: {model: openai/x, api_key: os.environ/KEY}}\n"
SYSTEM = "general_settings:\n  key_management_system: hashicorp_vault\n"


class Scripted:
    """A manager that says what `answers` holds, and nothing of other names."""

    label, interval = "the manager", 10.0

    def __init__(self, answers: Mapping[str, str | SecretFailure] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[list[str]] = []

    def fetch(self, names: Collection[str]) -> Answers:
        self.asked.append(list(names))
        return {name: self.answers.get(name) for name in names}


Load = Callable[..., Loaded]


@pytest.fixture
def loads(tmp_path: Path) -> Load:
    def run(text: str, source: Source | None, known: Mapping[str, str] | None = None, **environ: str) -> Loaded:
        file = tmp_path / "c.yaml"
        file.write_text(text)
        return load(file, environ, directory=tmp_path, managers=Managers(lambda _choice: source, known or {}))

    return run


def key_of(loaded: Loaded) -> object:
    return loaded.config.model_list[0].params.api_key


def said(loaded: Loaded) -> list[str]:
    return [str(problem).partition("c.yaml:")[2] for problem in loaded.problems]


def test_the_manager_goes_before_the_environment(loads: Load) -> None:
    source = Scripted({"KEY": "of-manager"})
    loaded = loads(MODEL + SYSTEM, source, KEY="of-environment")
    assert key_of(loaded) == "of-manager"
    assert loaded.problems == ()
    assert source.asked == [["KEY"]]
    assert loaded.environment["KEY"] == "of-environment", "a secret is nothing for the environment of processes"
    assert loaded.secrets.values == {"KEY": "of-manager"}
    assert "of-manager" not in repr(loaded.secrets)


def test_what_it_does_not_have_is_the_environments(loads: Load) -> None:
    loaded = loads(MODEL + SYSTEM, Scripted(), KEY="of-environment")
    assert (key_of(loaded), loaded.problems) == ("of-environment", ())


def test_what_nobody_has_is_said_with_its_place(loads: Load) -> None:
    loaded = loads(MODEL + SYSTEM, Scripted())
    assert key_of(loaded) is None
    (line,) = said(loaded)
    assert line == (
        "2: warning: model_list[0].litellm_params.api_key: KEY is neither in the manager nor an environment variable, "
        "so this is null — set KEY, or remove the key"
    )


def test_only_hosted_keys_are_asked_for(loads: Load) -> None:
    source = Scripted({"KEY": "of-manager", "OTHER": "of-manager"})
    settings = "  key_management_settings: {hosted_keys: [OTHER]}\n  completion_model: os.environ/OTHER\n"
    loaded = loads(MODEL + SYSTEM + settings, source, KEY="of-environment")
    assert key_of(loaded) == "of-environment"
    assert loaded.config.general_settings.completion_model == "of-manager"
    assert source.asked == [["OTHER"]]


def test_a_manager_that_fails_is_stood_in_for_by_the_environment_aloud(loads: Load) -> None:
    loaded = loads(MODEL + SYSTEM, Scripted({"KEY": AWAY}), KEY="of-environment")
    assert key_of(loaded) == "of-environment"
    (line,) = said(loaded)
    assert line.startswith("2: warning: ")
    assert "the manager is away; the environment's value is used" in line
    assert loaded.secrets.troubles == ("the manager is away",)


def test_a_manager_that_fails_is_stood_in_for_by_what_it_said_before(loads: Load) -> None:
    loaded = loads(MODEL + SYSTEM, Scripted({"KEY": AWAY}), {"KEY": "before"}, KEY="of-environment")
    assert key_of(loaded) == "before"
    (line,) = said(loaded)
    assert "the manager is away; what it said before is used" in line
    assert "before-" not in line
    assert loaded.secrets.values == {"KEY": "before"}, "and will be when it fails once more"


def test_a_manager_that_fails_without_a_stand_in_is_fatal(loads: Load) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        loads(MODEL + SYSTEM, Scripted({"KEY": AWAY}))
    (problem,) = caught.value.findings
    assert (problem.line, problem.key, problem.severity) == (2, "model_list[0].litellm_params.api_key", "error")
    assert problem.message == "the manager is away"


def test_environment_variables_are_looked_up_in_it_too(loads: Load) -> None:
    text = MODEL + SYSTEM + "environment_variables: {A: os.environ/X, B: os.environ/FAILS, KEY: literal}\n"
    loaded = loads(text, Scripted({"X": "of-manager", "FAILS": AWAY}), FAILS="f")
    assert (loaded.environment["A"], loaded.environment["B"]) == ("of-manager", "f")
    assert key_of(loaded) == "literal", "what the section sets is part of the environment"
    (line,) = said(loaded)
    assert line.startswith("5: warning: environment_variables.B: the manager is away; ")
    with pytest.raises(InvalidConfiguration):
        loads(text, Scripted({"FAILS": AWAY}))


def test_booleans_and_headers_are_what_they_are_from_the_environment(loads: Load) -> None:
    text = (
        "model_list: [{model_name: m, litellm_params: {model: openai/x, api_key: k, drop_params: os.environ/FLAG}}]\n"
        + SYSTEM
        + "  pass_through_endpoints: [{path: /a, target: http://x, headers: {h: 'Bearer os.environ/TOKEN'}}]\n"
    )
    loaded = loads(text, Scripted({"FLAG": "True", "TOKEN": "t"}))
    assert loaded.config.model_list[0].params.drop_params is True
    assert loaded.config.general_settings.pass_through_endpoints[0].headers == {"h": "Bearer t"}


def test_its_own_settings_are_resolved_in_the_environment_alone(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    settings = "  key_management_settings: {folder: os.environ/FOLDER, tags: {a: 1}, hosted_keys: KEY}\n"
    file.write_text(MODEL + SYSTEM + settings)
    chosen: list[Choice] = []

    def note(choice: Choice) -> Source:
        chosen.append(choice)
        return Scripted({"KEY": "k", "FOLDER": "never"})

    load(file, {"FOLDER": "/f"}, directory=tmp_path, managers=Managers(note))
    (choice,) = chosen
    assert (choice.system, choice.folder, choice.settings.folder) == ("hashicorp_vault", tmp_path, "/f")
    assert (choice.settings.tags, choice.settings.hosted_keys) == ({"a": "1"}, ("KEY",))


@pytest.mark.parametrize(
    ("written", "system"),
    [
        ("use_google_kms: true", "google_kms"),
        ("use_azure_key_vault: true", "azure_key_vault"),
        ("use_aws_kms: true", "aws_kms"),
        ("use_aws_kms: false", None),
        ("key_management_settings: {hosted_keys: [KEY]}", None),
        ("{use_aws_kms: true, key_management_system: file}", "file"),
    ],
)
def test_old_flags_name_a_system(tmp_path: Path, written: str, system: str | None) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"{MODEL}general_settings:\n  {written}\n")
    chosen: list[str] = []
    load(file, {"KEY": "k"}, directory=tmp_path, managers=Managers(lambda c: chosen.append(c.system)))
    assert chosen == ([] if system is None else [system])


def test_one_that_cannot_be_opened_is_said_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(MODEL + SYSTEM)

    def refuse(_choice: Choice) -> None:
        raise SecretFailure("it needs HCP_VAULT_TOKEN")

    with pytest.raises(InvalidConfiguration) as caught:
        load(file, {"KEY": "k"}, directory=tmp_path, managers=Managers(refuse))
    (problem,) = caught.value.findings
    assert isinstance(problem, Problem)
    assert (problem.line, problem.key) == (4, "general_settings.key_management_system")
    assert problem.message == "it needs HCP_VAULT_TOKEN"


@pytest.mark.parametrize(
    ("system", "settings", "expected"),
    [
        ("hashicorp_vault", "access_mode: read_only", "5: warning: "),
        ("google_kms", "access_mode: read_and_write", "5: warning: "),
        ("file", "prefix_for_stored_virtual_keys: /", None),
        ("file", "prefix_for_stored_virtual_keys: keys", ""),
    ],
)
def test_keys_are_kept_only_where_they_may_be(loads: Load, system: str, settings: str, expected: str | None) -> None:
    text = MODEL + SYSTEM.replace("hashicorp_vault", system)
    text += f"  key_management_settings: {{store_virtual_keys: true, {settings}}}\n"
    if expected is None:
        with pytest.raises(InvalidConfiguration, match="1 error") as caught:
            loads(text, Scripted({"KEY": "k"}))
        assert "would name any secret" in caught.value.findings[0].message
        return
    lines = said(loads(text, Scripted({"KEY": "k"})))
    where = "general_settings.key_management_settings.store_virtual_keys: "
    assert [line.startswith(expected + where) for line in lines] == ([True] if expected else [])


def asked(answers: Mapping[str, str | SecretFailure]) -> tuple[Scripted, Secrets]:
    source = Scripted(answers)
    secrets = Secrets({}, source)
    secrets.fetch(["A", "B"])
    return source, secrets


def test_another_look_finds_what_changed() -> None:
    source, secrets = asked({"A": "1", "B": "2"})
    assert secrets.look_again() == (False, ())
    source.answers["B"] = "3"
    assert secrets.look_again() == (True, ())
    source.answers = {"A": "1", "B": AWAY}
    assert secrets.look_again() == (False, ("the manager is away",))
    source.answers = {"A": "1"}
    assert secrets.look_again() == (False, ("the manager has no B any more",))
    assert secrets.find("B").value == "2", "looking changes nothing by itself"


def test_another_look_finds_what_was_not_there() -> None:
    source, secrets = asked({"A": AWAY})
    assert secrets.find("B").value is None
    source.answers = {"A": "1"}
    assert secrets.look_again() == (True, ())
    source.answers = {"A": AWAY, "B": "2"}
    assert secrets.look_again() == (True, ("the manager is away",))


def test_without_a_manager_nothing_is_asked() -> None:
    assert Secrets({"A": "1"}).look_again() == (False, ())
    assert Secrets({"A": "1"}).find("A").value == "1"


NAMES = st.sampled_from("ABCD")
SAID = st.dictionaries(NAMES, st.one_of(st.text(), st.just(AWAY)))


@given(SAID, st.dictionaries(NAMES, st.text()), st.dictionaries(NAMES, st.text()), st.none() | st.sets(NAMES))
def test_the_order_of_whom_is_believed(
    answers: Mapping[str, str | SecretFailure],
    environ: Mapping[str, str],
    known: Mapping[str, str],
    hosted: set[str] | None,
) -> None:
    secrets = Secrets(environ, Scripted(answers), hosted, known)
    secrets.fetch("ABCD")
    for name in "ABCD":
        answer = answers.get(name) if hosted is None or name in hosted else None
        before = known.get(name) if answer is AWAY else None
        expected = answer if isinstance(answer, str) else before if before is not None else environ.get(name)
        assert secrets.find(name).value == expected
        assert (secrets.find(name).trouble is not None) == (answer is AWAY)
