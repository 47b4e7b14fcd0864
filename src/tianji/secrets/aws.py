"""AWS: Secrets Manager keeps secrets, KMS opens what stands encrypted in the environment.

https://docs.aws.amazon.com/secretsmanager/latest/apireference and https://docs.aws.amazon.com/kms/latest/APIReference.
"""

import re
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tianji.clock import SYSTEM
from tianji.config.secrets import Choice, SecretFailure
from tianji.protocol.bedrock.signature import Scope, sign_with
from tianji.providers.logins.aws import REGIONS, is_region
from tianji.secrets.aws_keys import LentKeys
from tianji.secrets.encoded import is_base64, opened
from tianji.secrets.manager import Manager, Note
from tianji.secrets.wire import Answer, base, wire

_JSON: Final = "application/x-amz-json-1.1"
_CODE: Final = re.compile(r"[A-Za-z]{1,80}")
_WINDOW: Final = 7  # days in which AWS gives a deleted secret back
_ABSENT: Final = "ResourceNotFoundException"
_PREFIX: Final = "aws_kms/"
_NAMED: Final = ("LITELLM_SECRET_AWS_KMS_", "TIANJI_SECRET_AWS_KMS_")


class Service:
    """Calls operations of one service of AWS, signed with the keys that the configuration or the machine has."""

    def __init__(self, choice: Choice, name: str, target: str, label: str) -> None:
        """Read the settings. Raises SecretFailure without a region."""
        environ, settings = choice.environ, choice.settings
        region = settings.aws_region_name or next(filter(None, map(environ.get, REGIONS)), None)
        if region is None or not is_region(region):
            raise SecretFailure(f"{label} needs a region, such as us-east-1: aws_region_name, or AWS_REGION")
        variable = f"AWS_ENDPOINT_URL_{name.upper()}"
        given = environ.get(variable) or environ.get("AWS_ENDPOINT_URL")
        self._url = base(given or f"https://{name.replace('_', '')}.{region}.amazonaws.com", variable)
        self._scope = Scope(urlsplit(self._url).netloc, region, name.replace("_", ""))
        self._target = target
        self._keys = LentKeys(choice, region)
        self.label = f"{label} ({region})"
        self._wire = wire(self.label)

    async def log_in(self) -> None:
        """Get keys. Raises SecretFailure."""
        await self._keys.renew()

    async def call(self, operation: str, **members: object) -> Answer:
        """Call an operation with these members. Raises SecretFailure when there is no answer."""
        body = msgspec.json.encode({name: value for name, value in members.items() if value})
        headers = {"content-type": _JSON, "x-amz-target": f"{self._target}.{operation}"}
        signed = sign_with(self._keys.current(), self._scope, "/", body, now=SYSTEM.now(), headers=headers)
        proof = {name.decode(): value.decode() for name, value in signed}
        return await self._wire.ask("POST", f"{self._url}/", {**headers, **proof}, body)


def code_of(answer: Answer) -> str:
    """Return what AWS calls an error; "" for an answer that says nothing of the kind."""
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, Any]).get("__type")
    except (msgspec.DecodeError, RecursionError):
        return ""
    found = _CODE.fullmatch(str(said).rpartition("#")[2])
    return found[0] if found else ""


class SecretsManager(Manager):
    """AWS Secrets Manager."""

    reserved = frozenset(
        {
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION_NAME",
            "AWS_REGION",
            "AWS_BEDROCK_RUNTIME_ENDPOINT",
        }
    )

    def __init__(self, choice: Choice) -> None:
        self._service = Service(choice, "secrets_manager", "secretsmanager", "AWS Secrets Manager")
        self._key, self._replicas = choice.settings.kms_key_id, choice.settings.replica_regions
        super().__init__(self._service.label)

    async def log_in(self) -> None:
        """Get keys that sign."""
        await self._service.log_in()

    async def read(self, name: str) -> str | None:
        """Return SecretString, or the text that SecretBinary holds."""
        answer = await self._service.call("GetSecretValue", SecretId=name)
        if not answer.good:
            if code_of(answer) == _ABSENT:
                return None
            raise answer.refusal(code_of(answer))
        found = answer.members()
        value = found.get("SecretString")
        if isinstance(value, str):
            return value
        return opened(str(found.get("SecretBinary", "")), f"{name} in {self.label}")

    async def write(self, name: str, value: str, note: Note) -> None:
        """Make a secret, or give the one of this name a new value."""
        tags = [{"Key": key, "Value": text} for key, text in note.tags.items()]
        token = str(uuid.uuid4())
        asked = {"Description": note.description, "Tags": tags, "KmsKeyId": self._key}
        answer = await self._service.call(
            "CreateSecret", Name=name, SecretString=value, ClientRequestToken=token, **asked
        )
        if code_of(answer) == "ResourceExistsException":
            answer = await self._service.call(
                "PutSecretValue", SecretId=name, SecretString=value, ClientRequestToken=token
            )
        elif answer.good and self._replicas:
            regions = [{"Region": region} for region in self._replicas]
            answer = await self._service.call("ReplicateSecretToRegions", SecretId=name, AddReplicaRegions=regions)
        if not answer.good:
            raise answer.refusal(code_of(answer))

    async def delete(self, name: str) -> None:
        """Delete a secret; AWS gives it back within a week."""
        answer = await self._service.call("DeleteSecret", SecretId=name, RecoveryWindowInDays=_WINDOW)
        if not answer.good and code_of(answer) != _ABSENT:
            raise answer.refusal(code_of(answer))


class Kms(Manager):
    """AWS KMS: a variable holds base64 of a ciphertext, with or without `aws_kms/` before it."""

    reserved = SecretsManager.reserved

    def __init__(self, choice: Choice) -> None:
        self._service = Service(choice, "kms", "TrentService", "AWS KMS")
        self._environ = choice.environ
        super().__init__(self._service.label)

    async def log_in(self) -> None:
        """Get keys that sign."""
        await self._service.log_in()

    async def read(self, name: str) -> str | None:
        """Decrypt a variable, or the one of this name behind LITELLM_SECRET_AWS_KMS_."""
        named = (self._environ.get(prefix + name) for prefix in _NAMED)
        written = next(filter(None, named), None) or self._environ.get(name)
        if written is None:
            return None
        written = written.removeprefix(_PREFIX).strip()
        if not is_base64(written):
            raise SecretFailure(f"{name} is not base64 of a ciphertext of {self.label}")
        answer = await self._service.call("Decrypt", CiphertextBlob=written)
        if not answer.good:
            raise answer.refusal(code_of(answer))
        return opened(str(answer.members().get("Plaintext", "")), f"{name}, decrypted by {self.label}").strip()
