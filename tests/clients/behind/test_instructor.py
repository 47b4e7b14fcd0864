"""Instructor, whose answers are objects, in two of its ways."""

from typing import Any

import instructor
import openai
import pytest
from instructor.core import InstructorRetryException
from pydantic import BaseModel
from tests.clients.conftest import CLAUDE, GEMINI, GPT
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK: Any = [{"role": "user", "content": "one two three"}]


class Said(BaseModel):
    word: str
    count: int


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA], ids=str)
class TestInstructor:
    @pytest.fixture
    def client(self, gateway: Gateway, mock: Mock, mode: instructor.Mode) -> Any:
        return instructor.from_openai(
            openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0), mode=mode
        )

    def test_plain(self, client: Any, model: str) -> None:
        found = client.chat.completions.create(model=model, messages=ASK, response_model=Said, max_retries=0)
        assert isinstance(found, Said)

    def test_streamed(self, client: Any, model: str) -> None:
        found = list(client.chat.completions.create_partial(model=model, messages=ASK, response_model=Said))
        assert isinstance(found[-1].count, int)
        assert found[-1].word

    @pytest.mark.parametrize(("status", "kind"), [(400, openai.BadRequestError), (429, openai.RateLimitError)])
    def test_errors(self, client: Any, mock: Mock, model: str, status: int, kind: Any) -> None:
        mock.control({"status": status})
        with pytest.raises(InstructorRetryException) as caught:
            client.chat.completions.create(model=model, messages=ASK, response_model=Said, max_retries=0)
        assert isinstance(caught.value.__cause__, kind)
