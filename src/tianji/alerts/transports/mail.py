"""Mail to those whom an alert concerns: over SendGrid, Resend or SMTP, whichever is configured, in this order.

Sources: https://www.twilio.com/docs/sendgrid/api-reference/mail-send, https://resend.com/docs/api-reference/emails
"""

import smtplib
import ssl
from collections.abc import Callable, Container, Mapping, Sequence
from email.message import EmailMessage
from html import escape
from typing import Final

import msgspec
from msgspec import Struct

from tianji.callbacks.sink import Delivery
from tianji.config.environment import is_true

SENDGRID: Final = "https://api.sendgrid.com/v3/mail/send"
RESEND: Final = "https://api.resend.com/emails"
SERVICES: Final = ("sendgrid_email", "resend_email", "smtp_email")
IMPLICIT: Final = 465  # the port at which TLS begins before anything is said
_NO_BREAKS: Final = str.maketrans("\r\n", "  ")


class Letter(Struct, frozen=True):
    """One mail. above, below: HTML of the operator's around the text."""

    to: tuple[str, ...]
    subject: str
    text: str
    above: str = ""
    below: str = ""

    @property
    def html(self) -> str:
        """The text as HTML."""
        return self.above + "<p>" + "<br>\n".join(map(escape, self.text.split("\n"))) + "</p>" + self.below


class Smtp(Struct, frozen=True):
    """A server of mail. Times are seconds."""

    host: str
    port: int
    sender: str
    user: str | None
    password: str | None
    starts_tls: bool
    implicit_tls: bool
    timeout: float

    def __repr__(self) -> str:
        """Say which it is without the password."""
        return f"Smtp({self.host}:{self.port})"

    def send(self, letter: Letter) -> None:
        """Send a letter; it takes its time. Raises OSError, of which smtplib's errors are."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(letter.to)
        message["Subject"] = letter.subject.translate(_NO_BREAKS)
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if self.implicit_tls:
            server = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        with server:
            if self.starts_tls and not self.implicit_tls:
                server.starttls(context=context)
            if self.user is not None:
                server.login(self.user, self.password or "")
            server.send_message(message)


Mailer = Smtp | Callable[[Letter], Delivery]
"""A server of mail, or what makes the request of a service."""


def mailer_of(environ: Mapping[str, str], names: Container[str] = SERVICES) -> Mailer | None:
    """Return what sends mail; None where the environment names nothing. Raises ValueError for a port that is none.

    names: of SERVICES, those that may
    """
    if "sendgrid_email" in names and (key := environ.get("SENDGRID_API_KEY")):
        sender = environ.get("SENDGRID_SENDER_EMAIL", "")
        return lambda letter: _sendgrid(letter, key, sender)
    if "resend_email" in names and (key := environ.get("RESEND_API_KEY")):
        own = environ.get("RESEND_FROM_EMAIL", "onboarding@resend.dev")
        return lambda letter: _resend(letter, key, own)
    host = environ.get("SMTP_HOST")
    if not host or "smtp_email" not in names:
        return None
    port = int(environ.get("SMTP_PORT", "587"))
    return Smtp(
        host=host,
        port=port,
        sender=environ.get("SMTP_SENDER_EMAIL") or environ.get("SMTP_USERNAME", ""),
        user=environ.get("SMTP_USERNAME"),
        password=environ.get("SMTP_PASSWORD"),
        starts_tls=is_true(environ.get("SMTP_TLS", "true")),
        implicit_tls=port == IMPLICIT or is_true(environ.get("SMTP_USE_SSL")),
        timeout=float(environ.get("SMTP_TIMEOUT", "30")),
    )


def _sendgrid(letter: Letter, key: str, sender: str) -> Delivery:
    people: Sequence[Mapping[str, str]] = [{"email": one} for one in letter.to]
    body = {
        "from": {"email": sender},
        "personalizations": [{"to": people, "subject": letter.subject}],
        "content": [{"type": "text/html", "value": letter.html}],
    }
    return Delivery(SENDGRID, msgspec.json.encode(body), _headers(key))


def _resend(letter: Letter, key: str, sender: str) -> Delivery:
    body = {"from": sender, "to": letter.to, "subject": letter.subject, "html": letter.html}
    return Delivery(RESEND, msgspec.json.encode(body), _headers(key))


def _headers(key: str) -> Mapping[str, str]:
    return {"content-type": "application/json", "authorization": f"Bearer {key}"}
