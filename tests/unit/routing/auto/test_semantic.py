"""Meaning: how routes are scored, and a static model that lies on this machine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tianji.errors import ConfigurationError
from tianji.routing.auto.decision import Default
from tianji.routing.auto.semantic import Example, Routes, SemanticRouter
from tianji.routing.auto.static_model import load_static_model

from .conftest import Embedding, said

ROUTES = [
    Example("coding", "coder", ("compile this function", "refactor the class")),
    Example("cooking", "chef", ("bake an onion soup", "a recipe with butter")),
]


def routed(router: SemanticRouter, text: str) -> tuple[str, str]:
    decision = router.decide(said(text))
    return decision.group, decision.reason


def test_the_nearest_route_takes_the_request(embed: Embedding) -> None:
    router = SemanticRouter(ROUTES, embed, 2000, Default("d"))
    assert routed(router, "why does my python loop not end") == ("coder", "meaning: coding 1.00")
    assert routed(router, "soup recipe in python") == ("chef", "meaning: cooking 0.89")


@pytest.mark.parametrize("text", ["", " \n", "nothing that a vector knows", "a contract clause"])
def test_without_text_or_likeness_the_default_decides(embed: Embedding, text: str) -> None:
    assert routed(SemanticRouter(ROUTES, embed, 2000, Default("d")), text) == ("d", "default: nothing fits")


def test_what_is_empty_is_not_embedded(embed: Embedding) -> None:
    embedded: list[list[str]] = []

    def noting(texts: list[str]) -> Any:
        embedded.append(texts)
        return embed(texts)

    router = SemanticRouter(ROUTES, noting, 10, Default("d"))
    router.decide(said(" "))
    router.decide(said("python bug in a loop"))
    assert embedded == [[text for route in ROUTES for text in route.utterances], ["python bug"]]  # and ten characters


@pytest.mark.parametrize(("threshold", "group"), [(0.4472, "a"), (0.4473, None)])
def test_a_threshold_must_be_exceeded(threshold: float, group: str | None) -> None:
    routes = Routes([Example("r", "a", ("x",), threshold)], [[1.0, 0.0]])
    found = routes.nearest([1.0, 2.0])  # the cosine is 1 / sqrt(5) = 0.44721...
    assert (None if found is None else found[0].group) == group
    assert Routes([Example("r", "a", ("x",), 1.0)], [[1.0, 0.0]]).nearest([1.0, 0.0]) is None


def test_the_five_nearest_examples_count() -> None:
    far, near = [0.0, 1.0], [1.0, 0.0]
    many = Example("many", "m", tuple("abcdefg"), 0.0)
    routes = Routes([many], [near, near, near, far, far, far, far])
    found = routes.nearest(near)
    assert found is not None
    assert found[1] == pytest.approx(3 / 5)


def test_of_equals_the_first_and_of_others_the_best() -> None:
    routes = [Example("a", "a", ("x",), 0.0), Example("b", "b", ("y",), 0.0), Example("c", "c", ("z",), 0.0)]
    index = Routes(routes, [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    for vector, name in (([2.0, 1.0], "a"), ([1.0, 2.0], "b")):
        found = index.nearest(vector)
        assert found is not None
        assert found[0].name == name


def test_a_threshold_of_its_own_keeps_the_best_route_out() -> None:
    routes = [Example("a", "a", ("x",), 0.99), Example("b", "b", ("y",), 0.1)]
    found = Routes(routes, [[1.0, 0.0], [0.0, 1.0]]).nearest([3.0, 1.0])
    assert found is not None
    assert found[0].name == "b"


@pytest.mark.parametrize("vectors", [[[1.0]], [1.0, 2.0], [[1.0], [1.0], [1.0]]])
def test_vectors_must_be_those_of_the_examples(vectors: Any) -> None:
    with pytest.raises(ValueError, match="vectors of 2 utterances"):
        Routes([Example("a", "a", ("x", "y"))], vectors)


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="matmul"):
        Routes([Example("a", "a", ("x",))], [[1.0, 0.0]]).nearest([1.0, 0.0, 0.0])


def test_a_static_model_decides(static_model: Path) -> None:
    router = SemanticRouter(ROUTES, load_static_model(static_model), 2000, Default("d"))
    assert routed(router, "There is a BUG in my Python function!") == ("coder", "meaning: coding 1.00")
    assert routed(router, "How long do I bake the soup?") == ("chef", "meaning: cooking 1.00")
    assert routed(router, "Is this clause of the lease valid?") == ("d", "default: nothing fits")
    assert routed(router, "\x00 \ud7ff 😀") == ("d", "default: nothing fits")


def test_an_embedding_is_the_mean_of_what_is_known(static_model: Path) -> None:
    (row,) = load_static_model(static_model)(["python soup wibble"])
    assert np.allclose(row, [0.5, 0.5, 0.0])


def test_the_beginning_of_a_long_text_is_embedded(static_model: Path) -> None:
    embed = load_static_model(static_model)
    for letter in ("x", "天"):  # the cut may fall into a letter of several bytes
        near, far = embed([f"python {letter * 600} soup", f"python {letter * 2500} soup"])
        assert np.allclose(near, [0.5, 0.5, 0.0])
        assert np.allclose(far, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_broken_model_is_a_clear_error(static_model: Path, tmp_path: Path, broken: str) -> None:
    for file in static_model.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / broken).write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="holds no static model"):
        load_static_model(tmp_path)
