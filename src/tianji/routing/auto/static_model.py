"""Static embedding models: a vector for each token and the mean of them, so a text takes a fraction of a millisecond.

Reads the folders that model2vec writes (https://github.com/MinishLab/model2vec). It is imported when a configuration
wants it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tianji.errors import ConfigurationError
from tianji.lazy import load

if TYPE_CHECKING:
    from tianji.routing.auto.semantic import Embed, Vectors

LONGEST: Final = (
    2000  # bytes of UTF-8 of a text: to find tokens takes 0.2 us a byte, and a mean of hundreds moves little
)


class StaticModel:
    """Embeds texts at once, by the beginning of each."""

    def __init__(self, model: Any) -> None:
        """`model` is model2vec's."""
        self._model = model

    def __call__(self, texts: list[str]) -> "Vectors":
        """Return a row for each text; zeros for one without a known token."""
        cut = [text.encode()[:LONGEST].decode(errors="ignore") for text in texts]
        vectors: Vectors = self._model.encode(cut, use_multiprocessing=False)
        return vectors


def load_static_model(folder: Path) -> "Embed":
    """Load the model in `folder`; nothing is fetched. Raises ConfigurationError where that is none, or no package."""
    try:
        model = load("model2vec").StaticModel.from_pretrained(folder, force_download=False)
    except ImportError:
        raise ConfigurationError("model2vec is not installed: pip install 'tianji[semantic]'") from None
    except Exception as error:  # noqa: BLE001 - each of its parsers raises what it likes
        raise ConfigurationError(f"{folder} holds no static model that model2vec can load: {error}") from None
    return StaticModel(model)
