"""Languages: each one told from the others, and silence where nothing can be told."""

# ruff: noqa: RUF001 - other scripts have letters like ours

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.config.schema.auto_router import Language
from tianji.routing.auto.language import language

SENTENCES = {
    "ar": "كيف يمكنني كتابة رسالة إلى صاحب العمل؟",
    "de": "Wie kann ich die Datei auf dem Server finden, und was ist mit den Rechten?",
    "el": "Πώς μπορώ να γράψω μια επιστολή;",
    "en": "How can I find the file on the server, and what is wrong with it?",
    "es": "¿Cómo puedo encontrar el archivo en la carpeta que está por aquí?",
    "fr": "Comment est-ce que je peux trouver le fichier sur le serveur, et avec les droits ?",
    "he": "איך אני כותב מכתב למעסיק שלי?",
    "hi": "मैं अपने नियोक्ता को पत्र कैसे लिखूं?",
    "it": "Come si può trovare il file che è nella cartella del server e non perderlo?",
    "ja": "このライブラリは非同期処理に対応しており、高速に動作します。",
    "ko": "회의 내용을 요약하고 다음 단계를 정리해 주세요.",
    "nl": "Hoe kan ik het bestand op de server vinden, en wat is er met mijn rechten aan de hand?",
    "pt": "Como é que eu encontro o arquivo na pasta para você e não o perco em casa?",
    "ru": "Как мне найти этот файл на сервере?",
    "th": "ฉันจะเขียนจดหมายถึงนายจ้างได้อย่างไร",
    "uk": "Як мені знайти цей файл, і чи є він на сервері?",
    "zh": "请把下面的合同翻译成英文，并指出其中的风险。",
}


@pytest.mark.parametrize("name", get_args(Language))
def test_each_language(name: str) -> None:
    assert language(SENTENCES[name]) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("用 Python 写一个快速排序函数", "zh"),
        ("NumPy と pandas の違いを教えて", "ja"),
        ("The word 天 means sky, and it is the first of the name.", "en"),
        ("", None),
        ("12345 !?", None),
        ("ok", None),
        ("xyzzy plugh", None),
    ],
)
def test_mixtures_and_what_cannot_be_told(text: str, expected: str | None) -> None:
    assert language(text) == expected


@given(st.text())
def test_any_text_has_a_known_language_or_none(text: str) -> None:
    assert language(text) in {*get_args(Language), None}
