"""Prompt Security: texts are protected, images and files sanitized, which the vendor wants to be asked for until done.

What it would change in a file cannot be written back: that is refused unless `block_on_file_modify` is off.
"""

import base64
import binascii
import hashlib
from collections.abc import Generator
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

from msgspec import Struct

from tianji.guardrails.content import Content, Kind
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Call,
    Occasion,
    Params,
    Reply,
    Sight,
    Type,
    asking,
    post,
    under,
)
from tianji.guardrails.verdict import Block, Findings, Unavailable, replaced

_PAUSE: Final = 2.0  # seconds between two questions for a file
_TRIES: Final = 15


class PromptSecurity(Params, frozen=True, kw_only=True):
    """`user` and `system_prompt` are told to the vendor; `check_tool_results`: whether it judges those of requests."""

    environment: ClassVar = {
        "api_key": ("PROMPT_SECURITY_API_KEY",),
        "api_base": ("PROMPT_SECURITY_API_BASE",),
        "user": ("PROMPT_SECURITY_USER",),
        "system_prompt": ("PROMPT_SECURITY_SYSTEM_PROMPT",),
        "check_tool_results": ("PROMPT_SECURITY_CHECK_TOOL_RESULTS",),
    }

    api_key: str
    api_base: str
    user: str = ""
    system_prompt: str = ""
    check_tool_results: bool = False
    file_sanitization_fail_open: bool = True
    block_on_file_modify: bool = True


class _Message(Struct):
    content: str | None = None


class _Judged(Struct):
    action: Literal["log", "allow", "modify", "block"]
    violations: list[str] | None = None
    modified_messages: list[_Message] | None = None
    modified_text: str | None = None


class _Result(Struct):
    prompt: _Judged | None = None
    response: _Judged | None = None


class _Answer(Struct):
    result: _Result


class _Job(Struct, rename="camel"):
    job_id: str


class _FileResult(Struct):
    action: Literal["log", "allow", "modify", "block"] | None = None
    violations: list[str] | None = None


class _File(Struct):
    status: Literal["created", "in progress", "done"]
    metadata: _FileResult | None = None


def _ask(params: PromptSecurity, content: Content, occasion: Occasion) -> Asking:
    headers = {"app-id": params.api_key}
    if occasion.key_alias:
        headers["x-litellm-key-alias"] = occasion.key_alias
    for attachment in (*content.images, *content.files):
        refused = yield from _sanitized(params, attachment, headers)
        if refused is not None:
            return refused
    looked = [
        index
        for index, text in enumerate(content.texts)
        if text.text and (content.answers or params.check_tool_results or text.kind is not Kind.TOOL_RESULT)
    ]
    texts: list[str | None] = [None] * len(content.texts)
    if not looked:
        return replaced(content, texts)
    said = {"user": params.user or occasion.user_email or occasion.user_id, "system_prompt": params.system_prompt}
    fixed = {name: value for name, value in said.items() if value}
    url = under(params.api_base, "/api/protect")
    if content.answers:
        bodies: list[dict[str, Any]] = [{"response": content.texts[index].text} for index in looked]
    else:
        turns = content.turns()
        bodies = [{"messages": [turns[index] for index in looked]}]
    replies = yield [post(url, {**body, **fixed}, headers) for body in bodies]
    new: list[str | None] = []
    for reply in replies:
        judged = _side(reply, content)
        if judged.action == "block":
            return _refusal(judged.violations)
        new += _modified(judged, content, len(looked))
    if len(new) != len(looked):
        raise Unavailable("the answer has another number of texts")
    for index, text in zip(looked, new, strict=True):
        texts[index] = text
    return replaced(content, texts)


def _side(reply: Reply, content: Content) -> _Judged:
    result = reply.read(_Answer).result
    judged = result.response if content.answers else result.prompt
    if judged is None:
        raise Unavailable("the answer says nothing of what was asked")
    return judged


def _modified(judged: _Judged, content: Content, asked: int) -> list[str | None]:
    if judged.action != "modify":
        return [None] * (1 if content.answers else asked)
    if content.answers:
        if judged.modified_text is None:
            raise Unavailable("the answer lacks the changed text")
        return [judged.modified_text]
    if judged.modified_messages is None:
        raise Unavailable("the answer lacks the changed texts")
    return [message.content for message in judged.modified_messages]


def _refusal(violations: list[str] | None) -> Block:
    named = tuple(violations or ())
    reason = f"Blocked by Prompt Security, Violations: {', '.join(named)}"
    return Block(reason, findings=Findings(categories=named))


def _sanitized(
    params: PromptSecurity, image: str, headers: dict[str, str]
) -> Generator[list[Call], list[Reply], Block | None]:
    """Return the refusal of a file; None lets it pass, as does a failure unless the entry says otherwise."""
    try:
        found = yield from _file(params, image, headers)
    except Unavailable as error:
        if error.permanent or not params.file_sanitization_fail_open:
            raise
        return None
    if found.action == "block" or (found.action == "modify" and params.block_on_file_modify):
        return _refusal(found.violations or ["file"])
    return None


def _file(
    params: PromptSecurity, image: str, headers: dict[str, str]
) -> Generator[list[Call], list[Reply], _FileResult]:
    url = under(params.api_base, "/api/sanitizeFile")
    kind, body = _upload(image)
    (reply,) = yield [Call(url, body, {**headers, "content-type": kind})]
    job = quote(reply.read(_Job).job_id, safe="")
    for _ in range(_TRIES):
        (reply,) = yield [Call(f"{url}?jobId={job}", headers=headers, method="GET", after=_PAUSE)]
        answer = reply.read(_File)
        if answer.status == "done":
            return answer.metadata or _FileResult()
    raise Unavailable("a file was not judged in time")


def _upload(image: str) -> tuple[str, bytes]:
    """Return content type and body of the form that uploads a file (RFC 7578)."""
    kind, separator, data = image.removeprefix("data:").partition(";base64,")
    if not separator or not image.startswith("data:"):
        raise Unavailable("a file that is elsewhere cannot be sent")
    try:
        content = base64.b64decode(data)
    except binascii.Error as error:
        raise Unavailable("a file is no base64") from error
    subtype = "".join(letter for letter in kind.partition("/")[2] if letter.isalnum()) or "bin"
    boundary = hashlib.sha256(content).hexdigest()  # which no content can hold
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="file.{subtype}"\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


TYPE = Type(
    names=("prompt_security",),
    params=PromptSecurity,
    check=asking(_ask),
    masks=PRE_AND_POST,
    timeout=40.0,
    sees=Sight.ALL,
)
