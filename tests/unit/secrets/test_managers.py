"""Each manager in its own wire form, over real sockets: what is asked, what is read, what is kept, what is refused."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from tests.fakes.managers import FakeAws, FakeAzure, FakeConjur, FakeGoogle, FakeVault, Request, serving

from tianji.config.secrets import SecretFailure
from tianji.protocol.bedrock.signature import Keys, Scope, sign_with
from tianji.secrets import google, open_source
from tianji.secrets.aws_keys import own_keys
from tianji.secrets.conjur import verifying
from tianji.secrets.manager import Note
from tianji.secrets.opening import Reading, manager_of
from tianji.secrets.vault import Vault

from .asking import VALUE, choice, keep, read, said

# HashiCorp Vault


@pytest.mark.parametrize("version", [1, 2])
def test_vault_reads_below_namespace_mount_and_prefix(version: int) -> None:
    folder = "team/kv/data/prod/llm" if version == 2 else "team/kv/prod/llm"
    vault = FakeVault(folder, version)
    vault.secrets = {"OPENAI": {"key": VALUE}, "deep/er": {"key": "x"}, "odd": {"other": "y"}}
    with serving(vault) as server:
        environ = {
            "HCP_VAULT_ADDR": server.url + "/",
            "HCP_VAULT_TOKEN": vault.token,
            "HCP_VAULT_NAMESPACE": "team",
            "HCP_VAULT_MOUNT_NAME": "kv",
            "HCP_VAULT_PATH_PREFIX": "/prod/llm/",
        }
        found = read(choice("hashicorp_vault", environ, kv_version=version), "OPENAI", "deep/er", "none", "odd")
    assert (found["OPENAI"], found["deep/er"], found["none"]) == (VALUE, "x", None)
    assert said(found["odd"]) == f"odd in HashiCorp Vault ({server.url}, {folder}) has no text in its field 'key'"


def test_vault_logs_in_with_an_approle_once_and_again_when_its_token_has_ended() -> None:
    vault, now = FakeVault(), [0.0]
    vault.secrets = {"A": {"value": VALUE}, "B": {"value": "b"}}
    with serving(vault) as server:
        environ = {
            "HCP_VAULT_ADDR": server.url,
            "HCP_VAULT_APPROLE_ROLE_ID": "role",
            "HCP_VAULT_APPROLE_SECRET_ID": "secret-id",
            "HCP_VAULT_APPROLE_MOUNT_PATH": "machines",
            "HCP_VAULT_LOGIN_NAMESPACE": "root",
            "HCP_VAULT_TOKEN": "not used",
        }
        source = Reading(Vault(choice("hashicorp_vault", environ, data="value"), lambda: now[0]))
        assert source.fetch(["A", "B"]) == {"A": VALUE, "B": "b"}
        assert source.fetch(["A"]) == {"A": VALUE}
        logins = [request for request in server.requests if request.path.endswith("/login")]
        (login,) = logins
        assert (login.path, login.headers["x-vault-namespace"]) == ("/v1/auth/machines/login", "root")
        assert login.json() == {"role_id": "role", "secret_id": "secret-id"}
        now[0] = 3590.0
        vault.token = "hvs.another"
        assert source.fetch(["A"]) == {"A": VALUE}
        assert server.requests[-1].headers["x-vault-token"] == "hvs.another"
        vault.token = "hvs.the-other-was-revoked"
        said(source.fetch(["A"])["A"])
        assert source.fetch(["A"]) == {"A": VALUE}


def test_vault_logs_in_with_a_client_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    own = authority.issue_cert("gateway")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    vault = FakeVault()
    vault.secrets = {"A": {"key": VALUE}}
    with serving(vault, tls) as server:
        environ = {
            "HCP_VAULT_ADDR": server.url,
            "HCP_VAULT_CLIENT_CERT": str(tmp_path / "cert.pem"),
            "HCP_VAULT_CLIENT_KEY": str(tmp_path / "key.pem"),
            "HCP_VAULT_CERT_ROLE": "gateways",
            "VAULT_CACERT": str(tmp_path / "ca.pem"),
        }
        assert read(choice("hashicorp_vault", environ), "A") == {"A": VALUE}
        assert server.requests[0].path == "/v1/auth/cert/login"
        assert server.requests[0].json() == {"name": "gateways"}
    with pytest.raises(SecretFailure, match="certificate or key cannot be used"):
        open_source(choice("hashicorp_vault", environ | {"HCP_VAULT_CLIENT_KEY": "/nowhere"}))


async def test_vault_keeps_and_deletes() -> None:
    vault = FakeVault()
    with serving(vault) as server:
        environ = {"HCP_VAULT_ADDR": server.url, "HCP_VAULT_TOKEN": vault.token}
        manager = manager_of(choice("hashicorp_vault", environ))
        await keep(manager, "litellm/mine", VALUE, Note("a key"))
        assert vault.secrets == {"litellm/mine": {"key": VALUE, "description": "a key"}}
        await manager.delete("litellm/mine")
        await manager.delete("litellm/mine")
        assert vault.secrets == {}


def test_vault_needs_a_way_to_log_in() -> None:
    with pytest.raises(SecretFailure, match="needs HCP_VAULT_TOKEN, or HCP_VAULT_APPROLE_ROLE_ID"):
        open_source(choice("hashicorp_vault", {"HCP_VAULT_APPROLE_ROLE_ID": "half"}))
    with pytest.raises(SecretFailure, match="HCP_VAULT_ADDR is no address"):
        open_source(choice("hashicorp_vault", {"HCP_VAULT_ADDR": "vault:8200", "HCP_VAULT_TOKEN": "t"}))
    with pytest.raises(SecretFailure, match="HCP_VAULT_REFRESH_INTERVAL is no number"):
        open_source(choice("hashicorp_vault", {"HCP_VAULT_REFRESH_INTERVAL": "soon", "HCP_VAULT_TOKEN": "t"}))


# AWS

AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "aws-canary", "AWS_REGION": "eu-west-1"}


def test_aws_secrets_manager_reads_text_and_bytes_with_signed_requests() -> None:
    aws = FakeAws()
    aws.secrets = {"A": VALUE, "B": VALUE.encode(), "bad": b"\xff"}
    with serving(aws) as server:
        environ = AWS | {"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url, "AWS_SESSION_TOKEN": "session"}
        found = read(choice("aws_secret_manager", environ), "A", "B", "none", "bad", "AWS_ACCESS_KEY_ID")
    assert (found["A"], found["B"], found["none"]) == (VALUE, VALUE, None)
    assert "is not base64 of UTF-8 text" in said(found["bad"])
    assert "AWS_ACCESS_KEY_ID" not in found, "it is what the manager is reached with"
    request = server.requests[0]
    assert request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    proof = request.headers["authorization"]
    assert "/eu-west-1/secretsmanager/aws4_request, SignedHeaders=content-type;host;x-amz-date;" in proof
    assert "x-amz-security-token;x-amz-target, Signature=" in proof
    assert request.headers["x-amz-security-token"] == "session"


def test_a_signature_covers_the_headers_that_are_named() -> None:
    keys, scope = Keys("AKIDEXAMPLE", "secret"), Scope("h", "us-east-1", "kms")
    one, other = (
        dict(sign_with(keys, scope, "/", b"{}", now=0, headers={"x-amz-target": target}))[b"authorization"]
        for target in ("TrentService.Decrypt", "TrentService.Encrypt")
    )
    assert b"SignedHeaders=host;x-amz-date;x-amz-target" in one
    assert one != other


def test_one_primary_secret_holds_all_others() -> None:
    aws = FakeAws()
    aws.secrets = {"all": f'{{"A": "{VALUE}", "N": 3, "T": true}}', "text": VALUE}
    with serving(aws) as server:
        environ = AWS | {"AWS_ENDPOINT_URL": server.url}
        found = read(choice("aws_secret_manager", environ, primary_secret_name="all"), "A", "N", "T", "none")
        assert found == {"A": VALUE, "N": "3", "T": "true", "none": None}
        assert len(server.requests) == 1
        found = read(choice("aws_secret_manager", environ, primary_secret_name="text"), "A")
        assert said(found["A"]) == "text of AWS Secrets Manager (eu-west-1) is no JSON object"
        found = read(choice("aws_secret_manager", environ, primary_secret_name="nope"), "A")
        assert said(found["A"]) == "AWS Secrets Manager (eu-west-1) has no nope"


async def test_aws_secrets_manager_keeps_replaces_and_deletes() -> None:
    aws = FakeAws()
    with serving(aws) as server:
        environ = AWS | {"AWS_ENDPOINT_URL": server.url}
        settings = {"kms_key_id": "alias/k", "replica_regions": ("us-east-1",)}
        manager = manager_of(choice("aws_secret_manager", environ, **settings))
        await keep(manager, "litellm/a", "first", Note("a key", {"team": "x"}))
        made = aws.notes["litellm/a"]
        assert (made["Description"], made["KmsKeyId"]) == ("a key", "alias/k")
        assert made["Tags"] == [{"Key": "team", "Value": "x"}]
        assert server.requests[-1].json()["AddReplicaRegions"] == [{"Region": "us-east-1"}]
        await keep(manager, "litellm/a", VALUE)
        assert aws.secrets == {"litellm/a": VALUE}
        await manager.delete("litellm/a")
        assert server.requests[-1].json() == {"SecretId": "litellm/a", "RecoveryWindowInDays": 7}
        await manager.delete("litellm/a")
        assert aws.secrets == {}
        server.outage = (400, {"__type": "AccessDeniedException", "message": VALUE})
        with pytest.raises(SecretFailure, match=r"answered with status 400 \(AccessDeniedException\)") as caught:
            await keep(manager, "litellm/b", VALUE)
        said(caught.value)


def test_aws_keys_are_looked_for_by_botocore_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(module: str) -> object:
        raise ImportError(module)

    monkeypatch.setattr("tianji.secrets.aws_keys.load", absent)
    found = read(choice("aws_secret_manager", {"AWS_REGION": "eu-west-1"}), "A")
    assert "AWS has no keys: set AWS_ACCESS_KEY_ID" in said(found["A"])

    class Session:
        def __init__(self, profile: str | None) -> None:
            self.keys = SimpleNamespace(access_key="AKIDPROFILE", secret_key="s", token="t") if profile else None

        def get_credentials(self) -> object:
            return self.keys and SimpleNamespace(get_frozen_credentials=lambda: self.keys)

    library = SimpleNamespace(Session=Session, BotoCoreError=RuntimeError)
    monkeypatch.setattr("tianji.secrets.aws_keys.load", lambda _module: library)
    assert own_keys(AWS, "team") == Keys("AKIDPROFILE", "s", "t")
    with pytest.raises(SecretFailure, match="found nowhere"):
        own_keys({}, None)


LENT = b"""<AssumeRoleResponse><Credentials><AccessKeyId>ASIALENT</AccessKeyId><SecretAccessKey>lent</SecretAccessKey>
<SessionToken>lent-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResponse>"""


def as_aws(aws: FakeAws) -> Callable[[Request], tuple[int, object]]:
    """Answer as the Security Token Service too, which takes forms."""
    return lambda request: aws(request) if "x-amz-target" in request.headers else (200, LENT)


def test_aws_roles_are_taken_with_keys_and_once() -> None:
    aws = FakeAws()
    aws.secrets = {"A": VALUE, "B": "b"}
    with serving(as_aws(aws)) as server:
        settings = {"aws_role_name": "arn:aws:iam::1:role/r", "aws_external_id": "x", "aws_sts_endpoint": server.url}
        chosen = choice("aws_secret_manager", AWS | {"AWS_ENDPOINT_URL": server.url}, **settings)
        assert read(chosen, "A", "B") == {"A": VALUE, "B": "b"}
        role, *asked = server.requests
    form = role.form()
    assert (form["Action"], form["RoleArn"], form["ExternalId"]) == ("AssumeRole", "arn:aws:iam::1:role/r", "x")
    assert "Credential=AKIDEXAMPLE/" in role.headers["authorization"]
    assert len(asked) == 2
    assert all("Credential=ASIALENT/" in request.headers["authorization"] for request in asked)
    assert all(request.headers["x-amz-security-token"] == "lent-session" for request in asked)


def test_aws_roles_are_taken_with_identity_tokens(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-container")
    aws = FakeAws()
    aws.secrets = {"A": VALUE}
    with serving(as_aws(aws)) as server:
        environ = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": server.url}
        mounted = {"AWS_ROLE_ARN": "arn:r", "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token")}
        sts = {"aws_sts_endpoint": server.url}
        assert read(choice("aws_secret_manager", environ | mounted, **sts), "A") == {"A": VALUE}
        given = {"aws_role_name": "arn:g", "aws_web_identity_token": "given", **sts}
        assert read(choice("aws_secret_manager", environ, **given), "A") == {"A": VALUE}
        forms = [request.form() for request in server.requests if "x-amz-target" not in request.headers]
    assert [(form["RoleArn"], form["WebIdentityToken"]) for form in forms] == [
        ("arn:r", "of-the-container"),
        ("arn:g", "given"),
    ]
    with pytest.raises(SecretFailure, match="aws_web_identity_token needs aws_role_name"):
        open_source(choice("aws_kms", AWS, aws_web_identity_token="given"))


def test_a_role_that_is_not_lent_is_said() -> None:
    with serving(lambda _request: (403, b"<Error><Message>not you</Message></Error>")) as server:
        settings = {"aws_role_name": "arn:r", "aws_sts_endpoint": server.url}
        found = read(choice("aws_secret_manager", AWS | {"AWS_ENDPOINT_URL": server.url}, **settings), "A")
    assert said(found["A"]) == "AWS did not lend the keys of a role (status 403): not you"


def test_aws_needs_a_region() -> None:
    with pytest.raises(SecretFailure, match="needs a region"):
        open_source(choice("aws_secret_manager", {}))
    with pytest.raises(SecretFailure, match="needs a region"):
        open_source(choice("aws_secret_manager", {}, aws_region_name="evil.example/"))


def backwards(text: str) -> str:
    return base64.b64encode(text.encode()[::-1]).decode()


def test_aws_kms_opens_what_stands_in_the_environment() -> None:
    with serving(FakeAws()) as server:
        environ = AWS | {
            "AWS_ENDPOINT_URL_KMS": server.url,
            "A": backwards(VALUE + "\n"),
            "B": f"aws_kms/{backwards('b')}",
            "LITELLM_SECRET_AWS_KMS_C": backwards("c"),
            "PLAIN": "sk-not-base64-canary",
        }
        found = read(choice("aws_kms", environ), "A", "B", "C", "PLAIN", "none")
    assert [found[name] for name in ("A", "B", "C", "none")] == [VALUE, "b", "c", None]
    assert said(found["PLAIN"]) == "PLAIN is not base64 of a ciphertext of AWS KMS (eu-west-1)"


# Google


def test_google_secret_manager_reads_latest_versions_with_the_machines_token() -> None:
    fake = FakeGoogle()
    fake.secrets = {"A": VALUE.encode(), "bad": b"\xff"}
    with serving(fake) as server:
        environ = {"GOOGLE_SECRET_MANAGER_PROJECT_ID": "p1", "GCE_METADATA_HOST": f"127.0.0.1:{server.port}"}
        source = Reading(google.SecretManager(choice("google_secret_manager", environ), server.url))
        found = source.fetch(["A", "none", "no/name", "bad"])
        assert (found["A"], found["none"], found["no/name"]) == (VALUE, None, None)
        said(found["bad"])
        paths = [request.path for request in server.requests]
        assert "/v1/projects/p1/secrets/A/versions/latest:access" in paths
        assert len([path for path in paths if path.startswith("/computeMetadata/")]) == 1
    with pytest.raises(SecretFailure, match="needs the environment variable GOOGLE_SECRET_MANAGER_PROJECT_ID"):
        open_source(choice("google_secret_manager", {}))
    with pytest.raises(SecretFailure, match="has no credential"):
        open_source(choice("google_secret_manager", environ | {"GCS_PATH_SERVICE_ACCOUNT": "/nowhere/a.json"}))


def test_google_kms_opens_what_stands_in_the_environment() -> None:
    resource = "projects/p1/locations/global/keyRings/r/cryptoKeys/k"
    with serving(FakeGoogle()) as server:
        environ = {
            "GOOGLE_KMS_RESOURCE_NAME": resource,
            "GCE_METADATA_HOST": f"127.0.0.1:{server.port}",
            "A": backwards(VALUE),
            "PLAIN": "not base64!",
        }
        found = Reading(google.Kms(choice("google_kms", environ), server.url)).fetch(["A", "PLAIN", "none"])
        assert (found["A"], found["none"]) == (VALUE, None)
        said(found["PLAIN"])
        assert server.requests[-1].path == f"/v1/{resource}:decrypt"
    with pytest.raises(SecretFailure, match="GOOGLE_KMS_RESOURCE_NAME is not projects/"):
        open_source(choice("google_kms", {"GOOGLE_KMS_RESOURCE_NAME": "../k"}))


# Azure


async def test_azure_key_vault_reads_keeps_and_deletes() -> None:
    fake = FakeAzure()
    fake.secrets = {"OPENAI-KEY": VALUE}
    with serving(fake) as server:
        environ = {
            "AZURE_KEY_VAULT_URI": server.url + "/",
            "AZURE_AUTHORITY_HOST": server.url,
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_CLIENT_SECRET": "entra-canary",
        }
        chosen = choice("azure_key_vault", environ)
        found = await asyncio.to_thread(read, chosen, "OPENAI-KEY", "none", "WITH_UNDERSCORE")
        assert found == {"OPENAI-KEY": VALUE, "none": None, "WITH_UNDERSCORE": None}
        login = server.requests[0].form()
        assert (login["client_id"], login["scope"]) == ("client", "https://vault.azure.net/.default")
        manager = manager_of(chosen)
        await keep(manager, "mine", VALUE, Note("a key", {"team": "x"}))
        assert (fake.secrets["mine"], fake.tags["mine"]) == (VALUE, {"team": "x", "description": "a key"})
        await manager.delete("mine")
        await manager.delete("mine")
        assert "mine" not in fake.secrets
        with pytest.raises(SecretFailure, match="takes letters, digits and dashes"):
            await manager.write("litellm/mine", VALUE, Note())


def test_azure_key_vault_is_asked_as_the_machine_where_there_is_no_application() -> None:
    fake = FakeAzure()
    fake.secrets = {"A": VALUE}
    with serving(fake) as server:
        environ = {
            "AZURE_KEY_VAULT_URI": server.url,
            "IDENTITY_ENDPOINT": f"{server.url}/identity",
            "IDENTITY_HEADER": "proof",
        }
        assert read(choice("azure_key_vault", environ), "A") == {"A": VALUE}
        login = server.requests[0]
    assert login.path.startswith("/identity?")
    assert "resource=https%3A%2F%2Fvault.azure.net" in login.path
    assert login.headers["x-identity-header"] == "proof"
    with pytest.raises(SecretFailure, match="needs the environment variable AZURE_KEY_VAULT_URI"):
        open_source(choice("azure_key_vault", {}))
    with serving(lambda _request: (401, {})) as server:
        found = read(choice("azure_key_vault", {**environ, "IDENTITY_ENDPOINT": server.url}), "A")
    assert said(found["A"]).startswith("Microsoft Entra gave no access token (status 401)")


# CyberArk Conjur


async def test_conjur_reads_keeps_and_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianji.secrets.conjur._PAUSE", 0.0)
    fake = FakeConjur()
    fake.secrets = {"prod/openai": VALUE}
    with serving(fake) as server:
        environ = {
            "CYBERARK_API_BASE": server.url,
            "CYBERARK_ACCOUNT": "acme",
            "CYBERARK_USERNAME": "host/gw",
            "CYBERARK_API_KEY": "api-key",
        }
        chosen = choice("cyberark", environ)
        found = await asyncio.to_thread(read, chosen, "prod/openai", "none")
        assert found == {"prod/openai": VALUE, "none": None}
        manager = manager_of(chosen)
        assert manager.interval == 300
        fake.conflicts = 4
        await keep(manager, "litellm/mine", VALUE)
        assert fake.secrets["litellm/mine"] == VALUE
        await manager.delete("litellm/mine")
        assert "litellm/mine" not in fake.declared
        fake.conflicts = 5
        with pytest.raises(SecretFailure, match="status 409"):
            await manager.write("litellm/mine", VALUE, Note())
        wrong = await asyncio.to_thread(read, choice("cyberark", environ | {"CYBERARK_API_KEY": "no"}), "x")
        assert "status 401: it does not know who asks" in said(wrong["x"])
    with pytest.raises(SecretFailure, match="needs CYBERARK_API_KEY"):
        open_source(choice("cyberark", {}))


def test_conjur_is_verified_as_it_is_told(tmp_path: Path) -> None:
    assert verifying({}, None).verify_mode is ssl.CERT_REQUIRED
    assert verifying({"CYBERARK_SSL_VERIFY": "True"}, None).check_hostname
    trusting = verifying({"CYBERARK_SSL_VERIFY": "false"}, None)
    assert (trusting.verify_mode, trusting.check_hostname) == (ssl.CERT_NONE, False)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert len(verifying({"CYBERARK_SSL_VERIFY": str(tmp_path / "ca.pem")}, None).get_ca_certs()) == 1
    with pytest.raises(SecretFailure, match="cannot be used"):
        verifying({"CYBERARK_SSL_VERIFY": "/nowhere/ca.pem"}, None)


# a folder


async def test_a_folder_has_a_file_a_secret(tmp_path: Path) -> None:
    (tmp_path / "A").write_text(VALUE + "\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "B").write_text("b")
    (tmp_path / "B").symlink_to("..data/B")  # as Kubernetes mounts them
    chosen = choice("file", {}, tmp_path, folder=".")
    found = await asyncio.to_thread(read, chosen, "A", "B", "none", "bytes", "large", "../passwd", "..data")
    assert (found["A"], found["B"], found["none"]) == (VALUE, "b", None)
    assert "is not UTF-8 text" in said(found["bytes"])
    assert "is over a MiB" in said(found["large"])
    assert "cannot be the name of a secret" in said(found["../passwd"])
    said(found["..data"])
    manager = manager_of(chosen)
    await keep(manager, "litellm/mine", VALUE)
    file = tmp_path / "litellm" / "mine"
    assert (file.read_text(), file.stat().st_mode & 0o777, len(list(file.parent.iterdir()))) == (VALUE, 0o600, 1)
    await manager.delete("litellm/mine")
    await manager.delete("litellm/mine")
    assert not file.exists()
