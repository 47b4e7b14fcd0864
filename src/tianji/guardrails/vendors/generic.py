"""One's own server in the short form: `{prompt, response, metadata}` in, `{action, message, modified_content}` out.

`block` refuses, whatever else it says passes, as servers of this form expect. `modified_content` replaces the last
text. The form that knows more is `generic_guardrail_api`.
"""

from collections.abc import Mapping

from msgspec import Struct

from tianji.guardrails.content import Content, Kind
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, post
from tianji.guardrails.verdict import Allow, Block, Rewrite


class Generic(Params, frozen=True, kw_only=True):
    """`endpoint`: the whole URL; `headers`: sent with every call."""

    endpoint: str
    headers: Mapping[str, str] = {}


class _Answer(Struct):
    action: str
    message: str | None = None
    modified_content: str | None = None


def _ask(params: Generic, content: Content, occasion: Occasion) -> Asking:
    prompt = "\n".join(text.text for text in (content.asked if content.answers else content.texts))
    response = content.joined() if content.answers else ""
    document = {"prompt": prompt, "response": response, "metadata": {"hook": occasion.hook}}
    (reply,) = yield [post(params.endpoint, document, params.headers)]
    answer = reply.read(_Answer)
    if answer.action == "block":
        return Block(answer.message or "Blocked by guardrail")
    said = [at for at, text in enumerate(content.texts) if text.kind is Kind.SAID]
    if answer.modified_content and said:
        return Rewrite({said[-1]: answer.modified_content})
    return Allow()


TYPE = Type(names=("generic",), params=Generic, check=asking(_ask), hooks=PRE_AND_POST, masks=PRE_AND_POST)
