"""Counting tokens, tiktoken beside it: `pytest bench/micro/test_tokens.py --benchmark-group-by=param:text`.

`bytes` of each is in the extra information. The last two are a request and the same with nothing counted.
"""

import asyncio
import json
import random
import sysconfig
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from tests.fakes import reference

from tianji._core.bodies.spans import scan
from tianji._core.requests.prompt import count_prompt
from tianji._core.requests.tokens import Vocabulary
from tianji.accounting.counter import TokenCounter
from tianji.accounting.vocabularies import Vocabularies

VOCABULARIES = Vocabularies()
CHINESE = """
天机网关是一个面向所有模型供应商的统一入口，应用程序只需要设置一个地址。平台团队可以在容器中运行它。
今天的天气很好，我们决定去公园散步，顺便买一些新鲜的水果和蔬菜。请把下面的合同翻译成英文，并指出其中的风险。
数据库在昨天晚上十一点左右发生了故障，工程师花了三个小时才恢复服务。如何安全、可靠地使用这些技术仍然是一个问题。
"""
JAPANESE = """
東京は今日も雨が降っていますが、明日は晴れる予定です。このライブラリは非同期処理に対応しており、高速に動作します。
会議の議事録を要約して、重要な点を箇条書きにしてください。冷蔵庫にあるものだけで作れる料理を教えてほしいです。
"""
KOREAN = """
오늘은 날씨가 맑아서 친구들과 함께 공원에 갔습니다. 이 프로그램은 여러 공급자의 모델을 제공합니다.
회의 내용을 요약하고 다음 단계를 정리해 주세요. 데이터베이스 장애로 인해 서비스가 세 시간 동안 중단되었습니다.
"""
EMOJI = ["😀", "👩\u200d💻", "🎉 ", "ok ", "🇩🇪", "❤️", " yes!\n"]
ROWS = [{"id": i * 7919, "name": f"Widget {i}", "tags": ["a", "b"], "price": i / 8} for i in range(4000)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def library(names: str, limit: int) -> str:
    """Some of the standard library's own text, which every machine has."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob(names))
    return "".join(path.read_text(encoding="utf-8", errors="ignore") for path in files)[:limit]


def shuffled(text: str, count: int) -> str:
    """Sentences in random order, so that no cache learns them."""
    dice = random.Random(5)
    sentences = text.replace("。", "。\n").replace(". ", ". \n").split("\n")
    return "".join(dice.choices([sentence for sentence in sentences if sentence], k=count))


TEXTS = {
    "english": library("pydoc_data/topics.py", 500_000),
    "code": library("*.py", 800_000),
    "chinese": shuffled(CHINESE, 4000),
    "cjk": shuffled(CHINESE + JAPANESE + KOREAN, 4000),
    "emoji": "".join(random.Random(5).choices(EMOJI, k=30_000)),
    "json": json.dumps(ROWS),
    "letters": "a" * 20_000,
    "dashes": "-" * 20_000,
    "random_letters": "".join(random.Random(5).choices(LETTERS, k=20_000)),
}
both = pytest.mark.parametrize("name", reference.NAMES)


@both
@pytest.mark.parametrize("text", TEXTS)
def test_tianji(benchmark: BenchmarkFixture, name: str, text: str) -> None:
    benchmark.extra_info["bytes"] = len(TEXTS[text].encode())
    VOCABULARIES[name].prepare()
    benchmark(VOCABULARIES[name].count, TEXTS[text])


@both
@pytest.mark.parametrize("text", TEXTS)
def test_tiktoken(benchmark: BenchmarkFixture, name: str, text: str) -> None:
    benchmark.extra_info["bytes"] = len(TEXTS[text].encode())
    encoding = reference.encoding(name)
    benchmark(encoding.encode_ordinary, TEXTS[text])


@both
def test_prepare(benchmark: BenchmarkFixture, name: str) -> None:
    rule, tokens = {"o200k_base": ("o200k", 199_998), "cl100k_base": ("cl100k", 100_256)}[name]
    benchmark(lambda: Vocabulary(rule, tokens, lambda: reference.unpacked(name)).prepare())


def request_of(tokens: int) -> bytes:
    """A chat request of about that many tokens, in turns of 400 characters."""
    text = TEXTS["english"][: tokens * 4]
    turns = [{"role": ("user", "assistant")[i % 2], "content": text[i * 400 :][:400]} for i in range(len(text) // 400)]
    return json.dumps({"model": "gpt-4o", "messages": turns}).encode()


@pytest.mark.parametrize("counted", [True, False], ids=["count", "bound"])
def test_request(benchmark: BenchmarkFixture, counted: bool) -> None:
    spans = scan(request_of(4000))
    vocabulary = VOCABULARIES["o200k_base"] if counted else None
    benchmark.extra_info["bytes"] = len(spans.source)
    benchmark.extra_info["tokens"] = count_prompt(spans, VOCABULARIES["o200k_base"]).tokens
    benchmark(count_prompt, spans, vocabulary)


def test_request_on_a_thread(benchmark: BenchmarkFixture) -> None:
    spans, counter, loop = scan(request_of(4000)), TokenCounter(VOCABULARIES), asyncio.new_event_loop()
    benchmark(lambda: loop.run_until_complete(counter.count(spans, "gpt-4o")))
    loop.close()
