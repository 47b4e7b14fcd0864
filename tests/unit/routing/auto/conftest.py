"""What the tests of auto routers share: bodies, and a static model so small that a test can reckon it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fakes.static_model import SUBJECTS, save_static_model

from tianji._core.bodies.spans import scan
from tianji.routing.auto import Content


def content(**body: Any) -> Content:
    """The content of a body with these members."""
    return Content(scan(json.dumps(body).encode()).get)


def said(text: str) -> Content:
    """The content of a chat whose user says `text`."""
    return content(messages=[{"role": "system", "content": "You are kind."}, {"role": "user", "content": text}])


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a static model that knows the words of SUBJECTS, made here."""
    return save_static_model(tmp_path_factory.mktemp("static"))


Embedding = Callable[[list[str]], Any]


@pytest.fixture
def embed() -> Embedding:
    """Embed texts by the subjects of their words, without a model."""
    known = {word: index for index, words in enumerate(SUBJECTS.values()) for word in words}

    def run(texts: list[str]) -> Any:
        rows = np.zeros((len(texts), len(SUBJECTS)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                if word in known:
                    row[known[word]] += 1
        return rows

    return run
