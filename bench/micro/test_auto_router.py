"""What an auto router's decision costs: `pytest bench/micro/test_auto_router.py --benchmark-group-by=param:body`.

A decision shall stay below 2 ms. The body is scanned already, as it is in the gateway; what is measured reads the
conversation, finds the user's last words and judges them.
"""

import json
import re
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from model2vec import StaticModel
from pytest_benchmark.fixture import BenchmarkFixture
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from tianji._core.bodies.spans import scan
from tianji._core.routing.dice import Dice
from tianji.config import load
from tianji.routing.auto import AutoRouter, Content, Surroundings
from tianji.routing.auto.compile import compile_auto_routers

TEXT = (Path(sysconfig.get_path("stdlib")) / "pydoc_data/topics.py").read_text(encoding="utf-8")
CHINESE = "请把下面的合同翻译成英文，并指出其中的风险。数据库在昨天晚上十一点左右发生了故障。"


def chat(*texts: str) -> bytes:
    """A chat in which the user says all of them, escaped as clients escape."""
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": text} for text in texts]}).encode()


BODIES = {
    "40 characters": chat("Why does this Python function not end?"),
    "4000 tokens": chat(TEXT[:16_000]),
    "400 KB in one message": chat(TEXT[:380_000]),
    "400 KB in 400 messages": chat(*(TEXT[i * 950 : (i + 1) * 950] for i in range(400))),
    "400 KB of Chinese": chat(CHINESE * 1600),
    "400 KB of short lines": chat("a\n" * 130_000),
}
RULES = [
    {"model": "large", "has_images": True},
    {"model": "coder", "regex": r"(?i)\b(traceback|segfault)\b.*\bnobody\b"},
    {"model": "coder", "regex": r"(a+)+\z"},
    {"model": "large", "languages": ["ko"]},
    {"model": "coder", "min_code_share": 1.1},
    {"model": "large", "min_tokens": 10_000_000},
]
ROUTES = {"routes": [{"name": "coder", "utterances": TEXT[i * 999 :][:999].split(".")[:20]} for i in range(10)]}
ROUTERS = {
    "rules": {"auto_router_rules": RULES},
    "complexity": {
        "model": "auto_router/complexity_router",
        "complexity_router_config": {"tiers": {"SIMPLE": "large"}},
    },
    "meaning": {"auto_router_config": ROUTES, "auto_router_embedding_model": "static"},
}


@pytest.fixture(scope="module")
def routers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AutoRouter]:
    """A router of each kind; the static model has the size of a usual one: 30,000 tokens of 256 dimensions."""
    folder = tmp_path_factory.mktemp("auto")
    words = [*dict.fromkeys(re.findall(r"[a-z]+", TEXT.lower())), *"abcdefghijklmnopqrstuvwxyz.,:;()"]
    pieces = [*words, *(f"##{word}" for word in words)]
    vocabulary = {piece: index for index, piece in enumerate(["[UNK]", *pieces, *map(str, range(30_000))][:30_000])}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(lowercase=True), BertPreTokenizer()
    vectors = np.random.default_rng(5).normal(size=(len(vocabulary), 256)).astype(np.float32)
    StaticModel(vectors, tokenizer, {"normalize": True}).save_pretrained(folder / "static")
    entries = [{"model_name": name, "litellm_params": {"model": "openai/x"}} for name in ("large", "coder")]
    for name, params in ROUTERS.items():
        default = {"auto_router_default_model": "large", "model": f"auto_router/{name}"}
        entries.append({"model_name": name, "litellm_params": {**default, **params}})
    (folder / "c.yaml").write_text(json.dumps({"model_list": entries}))
    config = load(folder / "c.yaml", {}, directory=folder).config
    return compile_auto_routers(config, Surroundings(directory=folder, environ={}, serves=lambda _: True, dice=Dice(1)))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("router", ROUTERS)
def test_decide(benchmark: BenchmarkFixture, routers: dict[str, AutoRouter], router: str, body: str) -> None:
    spans, decide = scan(BODIES[body]), routers[router].decide
    benchmark.extra_info["bytes"] = len(spans.source)
    benchmark(lambda: decide(Content(spans.get)))
