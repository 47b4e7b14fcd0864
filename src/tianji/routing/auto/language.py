"""Which language a text is in: by its script, and among those in Latin letters by their commonest words.

This tells languages apart that want different models; it is no linguist, and says nothing where it cannot tell.
"""

import re
from typing import Final

from tianji.config.schema.auto_router import Language

SAMPLE: Final = 2000  # characters that are looked at
_ENOUGH: Final = (
    0.3  # the share of a text's letters that a script must have: terms and names in Latin letters are usual
)
_FEWEST: Final = 2  # common words that decide
_LETTERS: Final = re.compile(r"[^\W\d_]")
_RANGES: Final[dict[Language, str]] = {
    "ja": "\u3041-\u30ff",  # Hiragana and Katakana: Japanese mixes them with Han, Chinese does not
    "ko": "\u1100-\u11ff\uac00-\ud7a3",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ebef",
    "uk": "\u0490\u0491\u0404\u0454\u0406\u0456\u0407\u0457",  # letters that Russian has not
    "ru": "\u0400-\u04ff",
    "ar": "\u0600-\u06ff\u0750-\u077f",
    "el": "\u0370-\u03ff",
    "he": "\u0590-\u05ff",
    "hi": "\u0900-\u097f",
    "th": "\u0e00-\u0e7f",
}
_SCRIPTS: Final = tuple((name, re.compile(f"[{characters}]")) for name, characters in _RANGES.items())
_RARE: Final = {"ja": 0.1, "uk": 0.02}  # letters that decide though the text has more of another script
_WORD: Final = re.compile(r"[^\W\d_]+")
_WORDS: Final[dict[Language, str]] = {
    "de": "der die das und ist nicht ein eine ich mit für auf wie zu von den dem bitte auch sich",
    "en": "the and is of to in that it you for how what with this please are my can not have",
    "es": "el los las y es una que por para cómo con del se mi está pero lo qué favor este",
    "fr": "le les et est une des du que pour dans avec je vous ce pas comment au sur mon plaît",
    "it": "il gli e è una che di per non con come del della sono questo mi lo si più nel",
    "nl": "de het een en is van ik niet dat met voor op hoe te zijn aan deze mijn wat graag",
    "pt": "o os as e é uma que para não com como do da em um por meu você isso na",
}
_COMMON: Final = {name: frozenset(words.split()) for name, words in _WORDS.items()}


def language(text: str) -> Language | None:
    """Return the language of the beginning of `text`, None where it cannot be told."""
    sample = text[:SAMPLE]
    if not sample.isascii():
        letters = len(_LETTERS.findall(sample))
        for name, script in _SCRIPTS:
            if len(script.findall(sample)) > letters * _RARE.get(name, _ENOUGH):
                return name
    words = _WORD.findall(sample.lower())
    counts = {name: sum(word in common for word in words) for name, common in _COMMON.items()}
    best = max(counts.values())
    leaders = [name for name, count in counts.items() if count == best]
    return leaders[0] if best >= _FEWEST and len(leaders) == 1 else None
