"""Microsoft Presidio: personal data is found by its analyzer, and masked by its anonymizer or here.

https://microsoft.github.io/presidio/api-docs/api-docs.html. Offsets count code points. With `output_parse_pii` every
datum becomes a token of its own, the same one wherever it stands in the request, so that it can be put back.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    AROUND,
    PRE_AND_POST,
    Asking,
    Call,
    Check,
    Hook,
    Occasion,
    Params,
    Reply,
    Surroundings,
    Type,
    post,
    under,
)
from tianji.guardrails.verdict import Allow, Block, Findings, Rewrite, Span, Verdict, masked, merged

_WEAKENING: Final = frozenset({"entities", "score_threshold", "allow_list", "allow_list_match"})
"""Members by which a client could have less found than the operator wants."""


class Presidio(Params, frozen=True, kw_only=True):
    """`presidio_ad_hoc_recognizers`: a JSON file with a list of them, in the folder of the configuration.

    Without an anonymizer, or with `output_parse_pii`, what was found is replaced by `<TYPE>` here.
    """

    environment: ClassVar = {
        "presidio_analyzer_api_base": ("PRESIDIO_ANALYZER_API_BASE",),
        "presidio_anonymizer_api_base": ("PRESIDIO_ANONYMIZER_API_BASE",),
    }
    aliases: ClassVar = {
        "analyzer_url": "presidio_analyzer_api_base",
        "anonymizer_url": "presidio_anonymizer_api_base",
        "presidio_run_on": "presidio_filter_scope",
    }

    presidio_analyzer_api_base: str
    presidio_anonymizer_api_base: str = ""
    pii_entities_config: Mapping[str, Literal["MASK", "BLOCK"]] = {}
    presidio_score_thresholds: Mapping[str, float] = {}
    presidio_entities_deny_list: tuple[str, ...] = ()
    presidio_language: str = "en"
    presidio_ad_hoc_recognizers: str = ""
    presidio_filter_scope: Literal["input", "output", "both"] = "both"
    output_parse_pii: bool = False

    def in_scope(self, content: Content) -> bool:
        """Whether contents of this direction are looked at."""
        return self.presidio_filter_scope in {"both", "output" if content.answers else "input"}


class _Found(Struct):
    entity_type: str
    start: int
    end: int
    score: float = 1.0


class _Anonymized(Struct):
    text: str


_Hits = dict[int, list[_Found]]


def _build(params: Presidio, surroundings: Surroundings) -> Check:
    recognizers: list[Any] = []
    if params.presidio_ad_hoc_recognizers:
        path = surroundings.folder / params.presidio_ad_hoc_recognizers
        try:
            recognizers = msgspec.json.decode(path.read_bytes(), type=list[Any])
        except (OSError, msgspec.DecodeError) as error:
            message = f"presidio_ad_hoc_recognizers: {path} holds no JSON list: {error}"
            raise ConfigurationError(message) from error
    return partial(_ask, params, {"ad_hoc_recognizers": recognizers} if recognizers else {})


def _ask(params: Presidio, fixed: Mapping[str, Any], content: Content, occasion: Occasion) -> Asking:
    if not params.in_scope(content):
        return Allow()
    hits = yield from _analyzed(params, fixed, content, occasion)
    entities = Counter(hit.entity_type for found in hits.values() for hit in found)
    findings = Findings(categories=tuple(sorted(entities)), entities=dict(entities))
    refused = sorted(name for name in entities if params.pii_entities_config.get(name) == "BLOCK")
    if refused:
        return Block(f"Blocked entity detected: {', '.join(refused)} by Guardrail: {occasion.name}", {}, findings)
    if not hits:
        return Allow(findings=findings)
    texts = tuple(text.text for text in content.texts)
    if params.output_parse_pii and not content.answers:
        return _tokens(texts, hits, findings, occasion.tokens)
    if not params.presidio_anonymizer_api_base:
        return Rewrite(masked(texts, _spans(hits)), findings=findings)
    url = under(_with_scheme(params.presidio_anonymizer_api_base), "/anonymize")
    replies = yield [post(url, {"text": texts[index], "analyzer_results": found}) for index, found in hits.items()]
    changed = {index: reply.read(_Anonymized).text for index, reply in zip(hits, replies, strict=True)}
    return Rewrite(changed, findings=findings)


def _analyzed(
    params: Presidio, fixed: Mapping[str, Any], content: Content, occasion: Occasion
) -> Generator[list[Call], list[Reply], _Hits]:
    """Return what was found that counts, by the position of its text."""
    language = occasion.settings.get("language") or params.presidio_language
    dynamic = {name: value for name, value in occasion.dynamic.items() if name not in _WEAKENING}
    options = {"language": language, **dynamic, **fixed}
    said = occasion.settings.get("entities")
    wanted = [name for name in said if isinstance(name, str)] if isinstance(said, list) else []
    if params.pii_entities_config:  # a client may have more looked for, never less
        wanted = [*params.pii_entities_config, *(name for name in wanted if name not in params.pii_entities_config)]
    if wanted:
        options["entities"] = wanted
    texts = {index: text.text for index, text in enumerate(content.texts) if text.text}
    url = under(_with_scheme(params.presidio_analyzer_api_base), "/analyze")
    replies = yield [post(url, {**options, "text": text}) for text in texts.values()]
    hits = {
        index: [hit for hit in reply.read(list[_Found]) if _counts(params, hit)]
        for index, reply in zip(texts, replies, strict=True)
    }
    return {index: found for index, found in hits.items() if found}


def _with_scheme(base: str) -> str:
    return base if "://" in base else f"http://{base}"


def _counts(params: Presidio, hit: _Found) -> bool:
    thresholds = params.presidio_score_thresholds
    least = thresholds.get(hit.entity_type, thresholds.get("ALL", 0.0))
    return hit.score >= least and hit.entity_type not in params.presidio_entities_deny_list


def _spans(hits: _Hits) -> Iterator[Span]:
    for index, found in hits.items():
        yield from (Span(index, hit.start, hit.end, f"<{hit.entity_type}>") for hit in found)


def _tokens(texts: tuple[str, ...], hits: _Hits, findings: Findings, known: Mapping[str, str]) -> Verdict:
    """Replace what was found by numbered tokens that no text holds yet, and say what each stands for.

    known: tokens that were given before; who was called by one is called so again
    """
    everything = "\n".join((*texts, *known))
    numbers: Counter[str] = Counter()
    tokens = {(f"{token.rpartition('_')[0]}>", original): token for token, original in known.items()}
    spans = []
    for span in merged(texts, _spans(hits)):
        datum = (span.replacement, texts[span.index][span.start : span.end])
        if datum not in tokens:
            tokens[datum] = _next_token(span.replacement, numbers, everything)
        spans.append(replace(span, replacement=tokens[datum]))
    restore = {token: original for (_, original), token in tokens.items() if token not in known}
    return Rewrite(masked(texts, spans), restore=restore, findings=findings)


def _next_token(mask: str, numbers: Counter[str], taken: str) -> str:
    while True:
        numbers[mask] += 1
        token = f"{mask[:-1]}_{numbers[mask]}>"
        if token not in taken:
            return token


TYPE = Type(
    names=("presidio",),
    params=Presidio,
    check=_build,
    hooks=AROUND | {Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL},
    legacy=frozenset({Hook.PRE_CALL}),
    masks=PRE_AND_POST | {Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL},
    longest=500_000,
    timeout=30.0,
)
