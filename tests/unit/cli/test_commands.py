import json
import logging
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tianji.cli import main, quickstart
from tianji.cli.asking import address
from tianji.cli.flags import REFUSED, WITHOUT_EFFECT
from tianji.cli.judging import is_loopback

ROOT = Path(__file__).parents[3]
KEY = "sk-kFz7Qm2LxW9pRt4vBn6c"
EDGES = ("granian", "native")


def run(*arguments, **environment):
    names = ("CONFIG_FILE_PATH", "HOST", "PORT", "DEBUG", "LITELLM_MASTER_KEY", "TIANJI_MASTER_KEY", "NUM_WORKERS")
    return CliRunner().invoke(main, list(arguments), env={**dict.fromkeys(names), **environment})


@pytest.fixture
def config(tmp_path):
    def write(text):
        file = tmp_path / "config.yaml"
        file.write_text(text)
        return str(file)

    return write


GOOD = "model_list:\n- model_name: a\n  litellm_params: {model: openai/a, api_key: sk-x}\n"


def test_help_lists_the_commands_and_imports_none_of_them():
    code = (
        "import sys; from tianji.cli import main; main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    text, modules = out.stdout.rsplit("[", 1)
    for name in ("serve", "check", "mock", "version"):
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
    for heavy in ("granian", "msgspec", "asyncio", "tianji.config", "tianji.edge", "tianji.cli.serve"):
        assert f"'{heavy}'" not in modules


def test_check_does_without_the_server(config):
    code = (
        f"import sys; from tianji.cli import main; main(['check', {config(GOOD)!r}], standalone_mode=False)\n"
        "assert 'granian' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment())


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


def test_check_reports_keys_and_problems(config):
    good = run("check", config(GOOD), "--json")
    assert good.exit_code == 0
    assert {row["key"] for row in json.loads(good.stdout)["keys"]} >= {"model_list.model_name"}
    assert "Granian edge: nothing in the configuration means realtime sessions" in good.stderr
    talks = run("check", config(GOOD.replace("openai/a", "openai/gpt-realtime")))
    assert "native edge: model `a` holds realtime sessions; --edge granian overrides" in talks.stderr
    named = run("check", config(GOOD.replace("openai/a", "openai/gpt-realtime")), TIANJI_EDGE="granian")
    assert "warning: --edge granian has Granian serve, and model `a` holds" in named.stderr
    bad = run("check", config("model_list: 3\n"))
    assert bad.exit_code == 2
    assert "model_list" in bad.output


BAD_ROUTING = """\
model_list:
  - model_name: a
    litellm_params: {model: openai/a1, api_key: sk-1}
  - model_name: b
    litellm_params: {model: openai/b1, api_key: sk-1, weight: -1}
  - model_name: a*b*c
    litellm_params: {model: openai/*, api_key: sk-1}
router_settings:
  fallbacks: [{a: [gone]}]
  model_group_alias:
    p: q
    q: p
  routing_strategy: foo
"""


@pytest.mark.parametrize(
    "said",
    [
        ":5: dropped: model_list[1].litellm_params.weight: must not be negative",
        ":7: dropped: model_list[2].litellm_params.model: has fewer stars than the `model_name`",
        ":9: warning: router_settings.fallbacks[0].a[0]: no model is called 'gone'",
        ":11: error: router_settings.model_group_alias.p: the aliases lead in a circle: p -> q -> p",
        ":13: error: router_settings.routing_strategy: ",
    ],
)
def test_check_says_where_routing_is_wrong(config, said):
    result = run("check", config(BAD_ROUTING))
    assert result.exit_code == 2
    assert f"config.yaml{said}" in result.output


def test_check_refuses_what_takes_a_path_of_the_gateways_own(config):
    entry = "    - {path: /v1/PATH, target: https://internal.service/v1}\n"
    text = GOOD + "general_settings:\n  pass_through_endpoints:\n" + entry
    refused = run("check", config(text.replace("PATH", "embeddings")))
    assert refused.exit_code == 2
    said = next(line for line in refused.output.splitlines() if "config.yaml:6: dropped: " in line)
    assert "pass_through_endpoints[0].path: POST /v1/embeddings is the gateway's own (OpenAI embeddings)" in said
    assert run("check", config(text.replace("PATH", "embeddings-raw"))).exit_code == 0


def test_check_says_who_cannot_be_told_of_the_audit_log(config):
    said = "litellm_settings: {store_audit_logs: true, audit_log_callbacks: [azure_storage]}\n"
    result = run("check", config(GOOD + said))
    assert result.exit_code == 0
    assert "callback azure_storage: set AZURE_STORAGE_ACCOUNT_NAME" in result.output


def test_a_configuration_with_problems_exits_with_2_and_prints_all(config):
    file = config("model_list: 3\nrouter_settings: 4\n")
    result = run("serve", "--config", file)
    assert result.exit_code == 2
    assert "model_list" in result.output
    assert "router_settings" in result.output


@pytest.mark.parametrize("key", ["", "sk-1234"])
def test_a_bad_master_key_exits_with_3(config, key):
    result = run("serve", "--config", config(GOOD + f"general_settings: {{master_key: '{key}'}}\n"))
    assert result.exit_code == 3
    assert "master_key" in result.output


def test_the_override_needs_loopback_too(config):
    file = config(GOOD)
    override = {"TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    assert run("serve", "--config", file, "--host", "0.0.0.0", **override).exit_code == 3


def test_validate_config_counts_models_and_needs_no_key(config):
    for arguments in (["serve"], []):  # scripts written for the peer name no command
        result = run(*arguments, "--config", config(GOOD), "--validate_config")
        assert (result.exit_code, "models: 1" in result.output) == (0, True)


def test_the_configuration_may_be_named_by_a_variable(config):
    assert run("serve", "--validate_config", CONFIG_FILE_PATH=config(GOOD)).exit_code == 0


def test_a_single_model_becomes_a_configuration():
    flags = ["--model", "openai/x", "--alias", "mine", "--api_base", "http://127.0.0.1:1", "--temperature", "0.5"]
    result = run("serve", *flags, "--request_timeout", "7", "--headers", '{"a": "b"}', "--validate_config")
    assert (result.exit_code, "models: 2" in result.output) == (0, True), result.output


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--quickstart", "--model", "x"],
        ["--model", "x", "--headers", "nonsense"],
        ["--model", "x", "--headers", '{"a": 1}'],
        ["--edge", "other", "--model", "x"],
        ["--model", "x", "--workers", "0"],
        ["--model", "x", "--ssl_keyfile_path", __file__],
    ],
)
def test_usage_errors(flags):
    assert run("serve", *flags).exit_code == 2


def test_flags_without_effect_are_accepted_with_a_notice(config):
    flags = []
    for flag, (takes_value, _) in WITHOUT_EFFECT.items():
        flags += [flag, "1"] if takes_value else [flag]
    result = run("serve", "--config", config(GOOD), "--validate_config", *flags)
    assert result.exit_code == 0
    for flag in WITHOUT_EFFECT:
        assert f"{flag} has no effect" in result.output


@pytest.mark.parametrize("flag", REFUSED)
def test_flags_that_want_what_is_not_there_say_what_to_do_instead(config, flag):
    takes_value, instead = REFUSED[flag]
    result = run("serve", "--config", config(GOOD), "--validate_config", flag, *["1"] * takes_value)
    assert result.exit_code == 2
    assert f"{flag} is not served: {instead}" in " ".join(result.output.split())


def test_flags_of_a_single_model_are_refused_beside_a_file(config):
    result = run("serve", "--config", config(GOOD), "--validate_config", "--temperature", "1", "--max_budget", "5")
    assert (result.exit_code, "--temperature, --max_budget: for --model alone" in result.output) == (2, True)
    result = run("serve", "--config", config(GOOD), "--validate_config", "--drop_params", "--request_timeout", "9")
    assert result.exit_code == 0, result.output


def test_a_bucket_is_no_configuration(config):
    result = run("serve", "--config", config(GOOD), "--validate_config", LITELLM_CONFIG_BUCKET_NAME="b")
    assert (result.exit_code, "LITELLM_CONFIG_BUCKET_NAME" in result.output) == (2, True)


def test_a_file_to_check_is_named_as_for_serving(config):
    file = config(GOOD)
    plain = run("check", file)
    assert plain.exit_code == 0
    for named in (["check", "--config", file], ["check", "-c", file]):
        assert run(*named).output == plain.output
    assert run("check", CONFIG_FILE_PATH=file).output == plain.output
    assert run("check", file, CONFIG_FILE_PATH="/nowhere.yaml").output == plain.output
    assert run("check").exit_code == 2


def test_a_database_is_migrated_without_serving(config, tmp_path):
    database = f"general_settings: {{database_url: 'sqlite:///{tmp_path}/own.db'}}\n"
    result = run("serve", "--config", config(GOOD + database), "--skip_server_startup")
    assert (result.exit_code, "the database is migrated" in result.output) == (0, True), result.output
    assert (tmp_path / "own.db").exists()


@pytest.mark.parametrize(
    ("flags", "variables", "level"),
    [
        ([], {}, "WARNING"),
        ([], {"LITELLM_LOG": "error"}, "ERROR"),
        ([], {"LITELLM_LOG": "nonsense"}, "WARNING"),
        (["--debug"], {"LITELLM_LOG": "ERROR"}, "INFO"),
        (["--detailed_debug"], {"LITELLM_LOG": "ERROR"}, "DEBUG"),
        ([], {"DEBUG": "true"}, "INFO"),
    ],
)
def test_how_much_is_logged(config, monkeypatch, flags, variables, level):
    class SeenError(Exception):
        pass

    def configure(_form, found):
        seen.append(logging.getLevelName(found))
        raise SeenError

    seen = []
    monkeypatch.setattr("tianji.cli.logs.configure", configure)
    monkeypatch.setattr("tianji.cli.serve.require_master_key", lambda _: None)
    assert isinstance(run("serve", "--config", config(GOOD), *flags, **variables).exception, SeenError)
    assert seen == [level]


def test_where_a_gateway_is_asked():
    assert address("0.0.0.0", 4000, secure=False) == "http://127.0.0.1:4000"
    assert address("::1", 1, secure=True) == "https://[::1]:1"
    assert address("gateway", 80, secure=False) == "http://gateway:80"


def test_a_flag_of_the_other_edge_is_accepted_with_a_notice(config):
    flags = ["serve", "--config", config(GOOD), "--validate_config", "--edge"]
    for told, notice in (
        (run(*flags, "native", "--granian_threads", "2"), True),
        (run(*flags, "native", GRANIAN_RUNTIME_THREADS="2"), True),
        (run(*flags, "native"), False),
        (run(*flags, "granian", "--granian_threads", "2"), False),
    ):
        assert (told.exit_code, "--granian_threads has no effect here" in told.output) == (0, notice)


def test_versions():
    assert run("version").output.startswith("tianji ")
    assert run("--version").output == run("-v").output == run("--config", "x", "--version").output


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("x", False)],
)
def test_loopback(host, expected):
    assert is_loopback(host) is expected


def test_the_demo_key_is_made_once_and_kept_secret(tmp_path):
    folder = quickstart.data_folder({"TIANJI_DATA_DIR": str(tmp_path / "data")})
    key = quickstart.master_key(folder)
    assert quickstart.master_key(folder) == key
    assert len(key) > 24
    assert stat.S_IMODE((folder / quickstart.KEY_FILE).stat().st_mode) == 0o600
    assert quickstart.data_folder({"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "tianji"


def start(*arguments, **more):
    command = [sys.executable, str(Path(__file__).with_name("stub_app.py")), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**more))


def read_until(process, text):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{lines}{process.stderr.read()}")


def fetch(address):
    code = f"import urllib.request; print(urllib.request.urlopen('{address}/').read().decode())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_runs_with_its_mock_and_ends_with_it(tmp_path, signal_number, edge):
    process = start(
        "serve", "--quickstart", "--port", "0", "--edge", edge, TIANJI_DATA_DIR=str(tmp_path), TIANJI_MASTER_KEY=""
    )
    try:
        text = read_until(process, "print(chunk")
        address = re.search(r"Tianji serves (\S+)", text)[1]
        key = (tmp_path / quickstart.KEY_FILE).read_text().strip()
        assert text.count(key) == 3
        told = fetch(address)
        assert told["file"].endswith("quickstart.yaml")
        assert told["mock"].startswith("http://127.0.0.1:")
        process.send_signal(signal_number)
        assert process.wait(timeout=20) == 0
        with pytest.raises(subprocess.CalledProcessError):
            fetch(told["mock"])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("edge", EDGES)
def test_a_taken_address_is_said_so(config, edge):
    file = config(GOOD + f"general_settings: {{master_key: {KEY}}}\n")
    first = start("serve", "--config", file, "--host", "127.0.0.1", "--port", "0", "--edge", edge)
    try:
        port = read_until(first, "Tianji serves").strip().rsplit(":", 1)[1]
        second = start("serve", "--config", file, "--host", "127.0.0.1", "--port", port, TIANJI_EDGE=edge)
        _, errors = second.communicate(timeout=20)
        assert (second.returncode, "cannot listen" in errors) == (1, True), errors
    finally:
        first.terminate()
        first.communicate(timeout=20)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(
    ("flags", "variables", "told"),
    [
        (["--pid-file", "/nowhere/tianji.pid"], {}, "pid file /nowhere/tianji.pid cannot be written"),
        ([], {"TIANJI_PID_FILE": "/nowhere/tianji.pid"}, "pid file /nowhere/tianji.pid cannot be written"),
        (["--ssl_certfile_path", __file__, "--ssl_keyfile_path", __file__], {}, f"TLS with certificate {__file__}"),
        ([], {"TIANJI_HANDOVER": "something"}, "TIANJI_HANDOVER is what a running gateway sets for its successor"),
    ],
    ids=["pid file", "pid file by variable", "certificate", "handover"],
)
def test_what_a_server_cannot_use_exits_with_2(config, edge, flags, variables, told):
    file = config(GOOD + f"general_settings: {{master_key: {KEY}}}\n")
    command = ["serve", "--config", file, "--host", "127.0.0.1", "--port", "0", "--edge", edge, *flags]
    process = start(*command, **variables)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, told in errors, "Traceback" in errors) == (2, True, False), errors
