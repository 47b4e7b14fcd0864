"""Forms with files as the standard library reads them: another opinion than the gateway's (RFC 7578)."""

import email.parser
import email.policy

import msgspec

from tianji.errors import InvalidRequest
from tianji.mock.http import Request


class File(msgspec.Struct, frozen=True):
    """One file of a form."""

    field: str
    name: str
    content: bytes


class Form(msgspec.Struct, frozen=True):
    """The fields and the files of a form, in order."""

    fields: tuple[tuple[str, str], ...]
    files: tuple[File, ...]

    def text(self, name: str, otherwise: str = "") -> str:
        """Return the first field of a name."""
        return next((value for own, value in self.fields if own == name), otherwise)


def is_form(request: Request) -> bool:
    """Tell whether the body of a request is a form."""
    return _type(request).startswith(b"multipart/form-data")


def read(request: Request) -> Form:
    """Return the form in the body of a request. Raises InvalidRequest."""
    if not is_form(request):
        raise InvalidRequest("The request needs a form: send multipart/form-data")
    head = b"content-type: " + _type(request) + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    if not message.is_multipart():
        raise InvalidRequest("The form could not be read")
    fields, files = [], []
    for part in message.iter_parts():
        name = str(part.get_param("name", "", "content-disposition"))
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        filename = part.get_filename()
        if filename is None:
            fields.append((name, data.decode()))
        else:
            files.append(File(name, filename, data))
    return Form(tuple(fields), tuple(files))


def _type(request: Request) -> bytes:
    return next((value for name, value in request.head.headers if name == b"content-type"), b"")
