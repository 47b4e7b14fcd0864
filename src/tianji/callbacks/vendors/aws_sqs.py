"""Amazon SQS: a message an event.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from os import urandom
from typing import Final
from urllib.parse import urlencode

from tianji.callbacks.accounts.aws import account
from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.providers.logins.oauth import FORM

LARGEST: Final = 1_000_000  # bytes of a message, below the queue's 1 MiB; of a longer one what was said is left out
INTERVAL: Final = 10.0  # seconds
_NONCE: Final = 12  # bytes: NIST SP 800-38D, 5.2.1.1


def build(given: Given) -> Sink:
    """Make it of aws_sqs_callback_params: sqs_queue_url, sqs_region_name, sqs_aws_*, and keys to encrypt with."""
    place = account(given, "sqs_")
    url = given.address("sqs_queue_url")
    sealed = _seal(given)

    def post(message: bytes) -> Delivery:
        form = {"Action": "SendMessage", "Version": "2012-11-05", "MessageBody": sealed(message).decode()}
        return Delivery(url, urlencode(form).encode(), FORM)

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            message = event.wire
            if len(message) > LARGEST:
                message = event.bare.wire
            yield post(message)

    def audited(entries: Sequence[Audit]) -> Iterable[Delivery]:
        return (post(entry.wire) for entry in entries)

    return Sink(
        given.name,
        write,
        batch=1,
        at_once=16,
        interval=given.number("sqs_flush_interval", "DEFAULT_SQS_FLUSH_INTERVAL_SECONDS", default=INTERVAL),
        complete=place.signing("sqs"),
        audited=audited,
    )


def _seal(given: Given) -> Callable[[bytes], bytes]:
    """Return what encrypts messages, by AES in Galois/counter mode; as they are where that is not wanted."""
    if not given.flag("sqs_aws_use_application_level_encryption"):
        return bytes
    try:
        cipher = load("cryptography.hazmat.primitives.ciphers.aead").AESGCM(
            b64decode(given.text("sqs_app_encryption_key_b64"), validate=True)
        )
    except ValueError as error:
        raise ConfigurationError(
            f"callback {given.name}: sqs_app_encryption_key_b64 is no base64 of 16, 24 or 32 bytes"
        ) from error
    beside = given.optional("sqs_app_encryption_aad").encode() or None

    def sealed(message: bytes) -> bytes:
        nonce = urandom(_NONCE)
        payload = b64encode(nonce + cipher.encrypt(nonce, message, beside)).decode()
        return encode({"__encrypted__": True, "payload": payload})

    return sealed
