"""The semantic router: which route's examples mean most nearly what the user said."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from tianji.lazy import load
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import Decision, Default

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Vectors = NDArray[np.floating[Any]]

Embed = Callable[[list[str]], "Vectors"]
"""Gives each text a vector: one row a text, all of one length."""

MOST: Final = 5  # examples of a route whose likeness counts: the nearest ones
DEFAULT_THRESHOLD: Final = 0.3  # what LiteLLM's encoders have where a route says nothing


class Example(Struct, frozen=True):
    """A route: texts like `utterances` belong to `group`, when they are more alike than `threshold`."""

    name: str
    group: str
    utterances: tuple[str, ...]
    threshold: float = DEFAULT_THRESHOLD


class Routes:
    """The examples of all routes as one matrix.

    A route's score is the mean of the cosines of its nearest examples, five at most: one lucky example among many does
    not decide, and a route is not worse for also having examples of something else.
    """

    def __init__(self, routes: Sequence[Example], vectors: "ArrayLike") -> None:
        """`vectors` has a row for each utterance of each route, in order. Raises ValueError where it has not."""
        self._numpy = load("numpy")
        self._routes = routes
        self._slices = []
        begin = 0
        for route in routes:
            self._slices.append(slice(begin, begin + len(route.utterances)))
            begin += len(route.utterances)
        matrix = self._numpy.asarray(vectors, dtype="float32")
        if matrix.ndim != 2 or len(matrix) != begin:
            raise ValueError(f"expected vectors of {begin} utterances, got an array of shape {matrix.shape}")
        self._matrix = self._unit(matrix)

    def nearest(self, vector: "ArrayLike") -> tuple[Example, float] | None:
        """Return (route, score), the best of those above their threshold; of equals the first. None when none is.

        Raises ValueError for a vector of another length.
        """
        cosines = self._matrix @ self._unit(self._numpy.asarray(vector, dtype="float32").reshape(1, -1))[0]
        best: tuple[Example, float] | None = None
        for route, rows in zip(self._routes, self._slices, strict=True):
            score = self._mean_of_nearest(cosines[rows])
            if score > route.threshold and (best is None or score > best[1]):
                best = route, score
        return best

    def _mean_of_nearest(self, cosines: "Vectors") -> float:
        if len(cosines) > MOST:
            cosines = self._numpy.partition(cosines, -MOST)[-MOST:]
        return float(cosines.mean())

    def _unit(self, rows: "Vectors") -> "Vectors":
        """Bring rows to length one; a row of zeros, a text without a known word, stays and is like nothing."""
        lengths = self._numpy.linalg.norm(rows, axis=1, keepdims=True)
        unit: Vectors = rows / self._numpy.where(lengths > 0, lengths, 1)
        return unit


class SemanticRouter:
    """Decides by meaning, with a model that embeds at once and on this machine."""

    def __init__(self, routes: Sequence[Example], embed: Embed, most: int, otherwise: Default) -> None:
        """Embed the examples now. `most`: characters that are embedded; `otherwise` takes what no route takes."""
        self._embed = embed
        self._most = most
        self._otherwise = otherwise
        self._routes = Routes(routes, embed([text for route in routes for text in route.utterances]))

    def decide(self, content: Content) -> Decision:
        """Return the group of the nearest route."""
        text = content.text[: self._most]
        found = self._routes.nearest(self._embed([text])[0]) if text and not text.isspace() else None
        if found is None:
            return self._otherwise.decide(content)
        route, score = found
        return Decision(route.group, f"meaning: {route.name} {score:.2f}")
