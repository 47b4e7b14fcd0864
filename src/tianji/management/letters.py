"""Mail to people about their account and their keys, where a service of mail is named among the callbacks.

Whoever makes a user or a key asks for it (`send_invite_email`); of a key that is replaced its owner is told anyway.
https://docs.litellm.ai/docs/proxy/email has the variables that say how the letters look.
"""

from collections.abc import Mapping
from typing import Final

from tianji.alerts.transports.mail import SERVICES, Letter, Mailer, mailer_of
from tianji.config.environment import is_true
from tianji.config.schema import Config
from tianji.management.desk import Call, Row
from tianji.storage.tables import USERS

HIDDEN: Final = "[Key hidden for security - retrieve from dashboard]"
_EMAIL: Final = "email"  # the channel of alerts


async def invite(call: Call, user: Row) -> None:
    """Write to a user that he has an account, once that is stored."""
    if user["user_email"]:
        base = _base(call)
        lines = ["You have an account with our gateway to language models.", f"Sign in: {base}/ui" if base else ""]
        _send(call, user["user_email"], "EMAIL_SUBJECT_INVITATION", "Welcome", lines)


async def tell_of_key(call: Call, row: Row, secret: str, *, replaced: bool) -> None:
    """Write to the owner of a key what it is, once it is stored; replaced: another one works no more, or soon."""
    user = await call.one(USERS, user_id=row["user_id"])
    if user is None or not user["user_email"]:
        return
    shown = secret if is_true(call.office.environ().get("EMAIL_INCLUDE_API_KEY", "true")) else HIDDEN
    name = f" {row['key_alias']}" if row["key_alias"] else ""
    base = _base(call)
    said = f"Your key{name} was replaced; the new one is" if replaced else f"You have a key{name}:"
    lines = [said, shown, f"Send it to {base}" if base else ""]
    variable, usual = ("ROTATED", "Your API key was replaced") if replaced else ("CREATED", "Your API key")
    _send(call, user["user_email"], f"EMAIL_SUBJECT_KEY_{variable}", usual, lines)


def _base(call: Call) -> str:
    return call.office.environ().get("PROXY_BASE_URL", "").rstrip("/")


def _send(call: Call, to: str, subject: str, usual: str, lines: list[str]) -> None:
    environ = call.office.environ()
    mailer = _mailer(call.config, environ)
    if mailer is None:
        return
    contact = environ.get("EMAIL_SUPPORT_CONTACT")
    text = "\n\n".join([*filter(None, lines), *([f"Questions? {contact}"] if contact else [])])
    logo = environ.get("EMAIL_LOGO_URL")
    letter = Letter(
        (to,), environ.get(subject) or usual, text,
        above=f'<p><img src="{logo}" alt=""></p>\n' if logo else "", below=environ.get("EMAIL_SIGNATURE", ""),
    )  # fmt: skip

    async def send() -> None:
        call.office.postman.send(mailer, letter)

    call.afterwards.append(send)


def _mailer(config: Config, environ: Mapping[str, str]) -> Mailer | None:
    """Return the service among the callbacks; where alerts go by mail, whichever is there."""
    named = [name for name in config.litellm_settings.callbacks if name in SERVICES]
    if not named and _EMAIL not in config.general_settings.alerting:
        return None
    return mailer_of(environ, named or SERVICES)
