"""What the tests of auto routers share: bodies, and a static model so small that a test can reckon it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model2vec import StaticModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from tianji._core.spans import scan
from tianji.routing.auto import Content

SUBJECTS = {  # the words of a subject point one way, and every subject has a way of its own
    "code": ["python", "function", "bug", "class", "compile", "refactor", "loop"],
    "food": ["soup", "bake", "recipe", "onion", "oven", "salt", "butter"],
    "law": ["contract", "clause", "liability", "court", "tort", "lease", "statute"],
}


def content(**body: Any) -> Content:
    """The content of a body with these members."""
    return Content(scan(json.dumps(body).encode()).get)


def said(text: str) -> Content:
    """The content of a chat whose user says `text`."""
    return content(messages=[{"role": "system", "content": "You are kind."}, {"role": "user", "content": text}])


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a static model that knows the words of SUBJECTS, made here."""
    vocabulary = {"[UNK]": 0}
    vectors = [np.zeros(len(SUBJECTS), dtype=np.float32)]
    for direction, words in zip(np.eye(len(SUBJECTS), dtype=np.float32), SUBJECTS.values(), strict=True):
        for word in words:
            vocabulary[word] = len(vocabulary)
            vectors.append(direction)
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    folder = tmp_path_factory.mktemp("static") / "small-model"
    StaticModel(np.stack(vectors), tokenizer, {"normalize": True}).save_pretrained(folder)
    return folder


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
