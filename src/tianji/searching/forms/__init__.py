"""How each form of requests says that the web is to be searched, and what was found."""

from collections.abc import Mapping
from typing import Final

from tianji.searching.forms.chat import Chat
from tianji.searching.forms.messages import Messages
from tianji.searching.forms.responses import Responses
from tianji.searching.interception import Form

FORMS: Final[Mapping[str, Form]] = {"chat": Chat(), "messages": Messages(), "responses": Responses()}
