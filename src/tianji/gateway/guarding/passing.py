"""What is judged wholly before it goes on: a message in a conversation, or one of many requests that a file holds."""

import functools
from collections.abc import Mapping

from msgspec import Struct

from tianji.gateway.guarding import forms
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.request import Request
from tianji.guardrails.content import Content
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.running import is_empty
from tianji.guardrails.vendor import Hook


class Passed(Struct, frozen=True):
    """A body as it goes on, and what is in it then. `tokens`: what those stand for that it holds now."""

    body: bytes
    content: Content
    tokens: Mapping[str, str] = {}


async def passed(judging: Judging, request: Request, body: bytes) -> Passed:
    """Return what becomes of a body.

    Raises GuardrailBlocked, also where a guardrail would answer in the model's place, GuardrailUnavailable, and
    InvalidRequest for what nobody can judge.
    """
    read = functools.partial(forms.read_request, request.form)
    document = read(body)
    if is_empty(document.content):
        return Passed(body, document.content)
    found = await judging.judge(Hook.PRE_CALL, request.plan, document, read)
    if found.answer is not None:
        raise GuardrailBlocked(found.answer.text, judging.outcomes[-1].guardrail.name)
    if found.body is not None:
        body = found.body
    if found.advice:
        body = forms.advised(request.form, body, found.advice)
    await judging.judge(Hook.DURING_CALL, request.plan, found.document, lambda _: found.document)
    return Passed(body, found.document.content, found.restore)
