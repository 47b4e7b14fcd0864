"""Embeddings in the forms of vendors: for each one what is sent, and how the answer is read."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji.errors import Header
from tianji.protocol.bedrock.models import family
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded, unreadable, without_none
from tianji.protocol.embedding.form import Count, EmbeddingRequest, Embeddings, Vector, one_text
from tianji.protocol.gemini.models import method_path
from tianji.protocol.vendors.oci import COMPARTMENT, SERVING
from tianji.protocol.vendors.sagemaker import path as endpoint_path
from tianji.protocol.vendors.watsonx import placed

Json = dict[str, Any]


class VendorOutbound:
    """One request; `read` takes the answer, and `count` says how many texts it is for."""

    headers: tuple[Header, ...] = ()

    def __init__(
        self, members: Json, suffix: str, target: Target, read: Callable[[bytes, Target], Embeddings], count: int
    ) -> None:
        self.body = msgspec.json.encode(members)
        self.suffix = suffix
        self._target = target
        self._read = read
        self._count = count

    def answer(self, body: bytes) -> Embeddings:
        """Read an answer. Raises UpstreamProtocolError, also for one with fewer vectors than there were texts."""
        found = self._read(body, self._target)
        if len(found.vectors) != self._count:
            raise unreadable(self._target, f"it has {len(found.vectors)} vectors for {self._count} texts", body)
        return found


def outbound(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """Write a request in the form of the target's provider. Raises InvalidRequest for what cannot be said."""
    return _FORMS[target.provider](request, target)


class _Watsonx(Struct):
    class Result(Struct):
        """One text's."""

        embedding: Vector

    results: list[Result]
    input_token_count: Count | None = None


def watsonx(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings."""
    members = placed({"model_id": target.model, "inputs": request.texts, **request.extra}, target)

    def read(body: bytes, target: Target) -> Embeddings:
        found = decoded(body, _Watsonx, target)
        return Embeddings([each.embedding for each in found.results], found.input_token_count)

    return VendorOutbound(members, "/ml/v1/text/embeddings", target, read, len(request.texts))


class _Statistics(Struct):
    token_count: float = 0


class _Values(Struct):
    values: Vector
    statistics: _Statistics | None = None


class _Prediction(Struct):
    embeddings: _Values


class _Predictions(Struct):
    predictions: list[_Prediction]


def vertex_ai(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api."""
    extra = dict(request.extra)
    about = {name: extra.pop(name) for name in ("task_type", "title") if name in extra}
    parameters = without_none({"outputDimensionality": request.dimensions, **extra})
    members: Json = {"instances": [{"content": text, **about} for text in request.texts]}
    if parameters:
        members["parameters"] = parameters

    def read(body: bytes, target: Target) -> Embeddings:
        found = [each.embeddings for each in decoded(body, _Predictions, target).predictions]
        counted = [each.statistics.token_count for each in found if each.statistics is not None]
        tokens = int(sum(counted)) if len(counted) == len(found) else None
        return Embeddings([each.values for each in found], tokens)

    return VendorOutbound(members, method_path(target, "predict"), target, read, len(request.texts))


class _Titan(Struct):
    embedding: Vector
    inputTextTokenCount: Count | None = None  # noqa: N815  Amazon's spelling


class _Floats(Struct):
    float: list[Vector]


class _Cohere(Struct):
    embeddings: list[Vector] | _Floats


class _Nova(Struct):
    class One(Struct):
        """One text's."""

        embedding: Vector

    embeddings: list[One]


def bedrock(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and beside it."""
    suffix = f"/model/{quote(target.model, safe='')}/invoke"
    if "cohere." in target.model:
        members: Json = {"texts": request.texts, "input_type": "search_document", "embedding_types": ["float"]}
        members |= without_none({"output_dimension": request.dimensions})
        return VendorOutbound(members | request.extra, suffix, target, _read_cohere, len(request.texts))
    text = one_text(request, target)
    if family(target.model) in ("nova", "nova-2"):
        said = {"truncationMode": "END", "value": text}
        purpose = request.extra.get("embeddingPurpose", "GENERIC_INDEX")
        asked: Json = without_none(
            {"embeddingPurpose": purpose, "embeddingDimension": request.dimensions, "text": said}
        )
        members = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": asked}
        return VendorOutbound(members, suffix, target, _read_nova, 1)
    members = without_none({"inputText": text, "dimensions": request.dimensions}) | request.extra
    return VendorOutbound(members, suffix, target, _read_titan, 1)


def _read_titan(body: bytes, target: Target) -> Embeddings:
    found = decoded(body, _Titan, target)
    return Embeddings([found.embedding], found.inputTextTokenCount)


def _read_cohere(body: bytes, target: Target) -> Embeddings:
    found = decoded(body, _Cohere, target).embeddings
    return Embeddings(found.float if isinstance(found, _Floats) else found)


def _read_nova(body: bytes, target: Target) -> Embeddings:
    return Embeddings([each.embedding for each in decoded(body, _Nova, target).embeddings])


class _SageMaker(Struct):
    embedding: list[Vector]


def sagemaker(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://huggingface.co/docs/sagemaker/inference: servers of Hugging Face's feature extraction."""
    members = {"inputs": request.texts, **request.extra}

    def read(body: bytes, target: Target) -> Embeddings:
        found: Any = decoded(body, list[Vector] | _SageMaker, target)  # type: ignore[arg-type]  # a union is no class
        return Embeddings(found.embedding if isinstance(found, _SageMaker) else found)

    return VendorOutbound(members, endpoint_path(target, streamed=False), target, read, len(request.texts))


class _OciUsage(Struct):
    promptTokens: Count | None = None  # noqa: N815  Oracle's spelling


class _Oci(Struct):
    embeddings: list[Vector]
    usage: _OciUsage | None = None


def oci(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://docs.oracle.com/iaas/api/#/en/generative-ai-inference/20231130/EmbedTextResult/EmbedText."""
    extra = dict(request.extra)
    envelope: Json = {name: extra.pop(name) for name in (COMPARTMENT, SERVING) if name in extra}
    members: Json = {**envelope, "inputs": request.texts, "inputType": "SEARCH_DOCUMENT"}
    members |= without_none({"outputDimensions": request.dimensions}) | extra

    def read(body: bytes, target: Target) -> Embeddings:
        found = decoded(body, _Oci, target)
        return Embeddings(found.embeddings, None if found.usage is None else found.usage.promptTokens)

    return VendorOutbound(members, "/20231130/actions/embedText", target, read, len(request.texts))


class _Snowflake(Struct):
    class One(Struct):
        """One text's."""

        embedding: list[Vector]

    class Usage(Struct):
        """What was read."""

        total_tokens: Count | None = None

    data: list[One]
    usage: Usage | None = None


def snowflake(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api."""
    members = {"model": target.model, "text": request.texts, **request.extra}

    def read(body: bytes, target: Target) -> Embeddings:
        found = decoded(body, _Snowflake, target)
        vectors = [vector for each in found.data for vector in each.embedding]
        return Embeddings(vectors, None if found.usage is None else found.usage.total_tokens)

    return VendorOutbound(members, "/inference:embed", target, read, len(request.texts))


class _Triton(Struct):
    class Tensor(Struct):
        """One of the answer's, flat."""

        data: Vector
        shape: list[int]

    outputs: list[Tensor]


def triton(request: EmbeddingRequest, target: Target) -> VendorOutbound:
    """https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol: tensors in and out."""
    tensor = {"name": "input_text", "shape": [len(request.texts)], "datatype": "BYTES", "data": request.texts}

    def read(body: bytes, target: Target) -> Embeddings:
        outputs = decoded(body, _Triton, target).outputs
        if not outputs or not outputs[0].shape or outputs[0].shape[-1] < 1:
            raise unreadable(target, "it has no tensor of vectors", body)
        flat, width = outputs[0].data, outputs[0].shape[-1]
        return Embeddings([flat[at : at + width] for at in range(0, len(flat), width)])

    return VendorOutbound({"inputs": [tensor], **request.extra}, "/infer", target, read, len(request.texts))


_FORMS: Final[dict[str, Callable[[EmbeddingRequest, Target], VendorOutbound]]] = {
    "watsonx": watsonx,
    "snowflake": snowflake,
    "triton": triton,
    "vertex_ai": vertex_ai,
    "vertex_ai_beta": vertex_ai,
    "bedrock": bedrock,
    "bedrock_converse": bedrock,
    "sagemaker": sagemaker,
    "sagemaker_chat": sagemaker,
    "oci": oci,
}
