"""A static model so small that a test can reckon what it makes of a text."""

from pathlib import Path

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

SUBJECTS = {  # the words of a subject point one way, and every subject has a way of its own
    "code": ["python", "function", "bug", "class", "compile", "refactor", "loop"],
    "food": ["soup", "bake", "recipe", "onion", "oven", "salt", "butter"],
    "law": ["contract", "clause", "liability", "court", "tort", "lease", "statute"],
}


def save_static_model(folder: Path) -> Path:
    """Write a model that knows the words of SUBJECTS below `folder`; return where."""
    vocabulary = {"[UNK]": 0}
    vectors = [np.zeros(len(SUBJECTS), dtype=np.float32)]
    for direction, words in zip(np.eye(len(SUBJECTS), dtype=np.float32), SUBJECTS.values(), strict=True):
        for word in words:
            vocabulary[word] = len(vocabulary)
            vectors.append(direction)
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    StaticModel(np.stack(vectors), tokenizer, {"normalize": True}).save_pretrained(folder / "small-model")
    return folder / "small-model"
