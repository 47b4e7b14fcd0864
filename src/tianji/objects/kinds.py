"""The kinds of objects that upstreams keep, and where their ids stand in what is said of them.

https://platform.openai.com/docs/api-reference: files, batch, fine-tuning, vector-stores, assistants, videos,
containers, evals.
https://docs.anthropic.com/en/api/creating-message-batches
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Kind(Struct, frozen=True):
    """One kind. prefix: how its ids begin; objects: what the member `object` of one of them may say.

    ends: the states in which it changes no more; None where it never changes by itself. former: how ids of it began
    that were given before, which go on working.
    """

    name: str
    prefix: str
    objects: tuple[str, ...]
    ends: frozenset[str] | None = None
    former: str | None = None


FILE: Final = Kind("file", "file-", ("file", "vector_store.file", "vector_store.file.deleted"))
MARK: Final = "tj"
"""What stands behind the prefix of an id that clients are given."""
SIGN: Final = f"{FILE.prefix[-1]}{MARK}".encode()
"""What an id holds that requests of models may name; its first character, by which it is looked for, is rare."""
BATCH: Final = Kind("batch", "batch_", ("batch",), frozenset({"completed", "failed", "expired", "cancelled"}))
JOB: Final = Kind("job", "ftjob-", ("fine_tuning.job",), frozenset({"succeeded", "failed", "cancelled"}))
STORE: Final = Kind(
    "store", "vs-", ("vector_store", "vector_store.deleted"), frozenset({"completed", "expired"}), "vs_"
)
STORES: Final = f'"{STORE.prefix}{MARK}'.encode()
"""What an id of a store begins with where it stands in a request."""
STORE_BATCH: Final = Kind("store_batch", "vsfb_", ("vector_store.file_batch", "vector_store.files_batch"))
ASSISTANT: Final = Kind("assistant", "asst_", ("assistant", "assistant.deleted"))
THREAD: Final = Kind("thread", "thread_", ("thread", "thread.deleted"))
MESSAGE: Final = Kind("message", "msg_", ("thread.message", "thread.message.delta", "thread.message.deleted"))
RUN: Final = Kind(
    "run", "run_", ("thread.run",), frozenset({"completed", "failed", "cancelled", "expired", "incomplete"})
)
STEP: Final = Kind("step", "step_", ("thread.run.step", "thread.run.step.delta"))
VIDEO: Final = Kind("video", "video_", ("video", "video.deleted"), frozenset({"completed", "failed"}))
CHARACTER: Final = Kind("character", "char_", ("character",))
CONTAINER: Final = Kind("container", "cntr-", ("container", "container.deleted"), frozenset({"expired", "deleted"}))
CONTAINER_FILE: Final = Kind("container_file", "cfile_", ("container.file", "container.file.deleted"))
EVAL: Final = Kind("eval", "eval_", ("eval", "eval.deleted"))
EVAL_RUN: Final = Kind(
    "eval_run", "evalrun_", ("eval.run", "eval.run.deleted"), frozenset({"completed", "failed", "canceled"})
)
EVAL_ITEM: Final = Kind("eval_item", "outputitem_", ("eval.run.output_item",))
MESSAGE_BATCH: Final = Kind("message_batch", "msgbatch_", (), frozenset({"ended"}))  # Anthropic's have no `object`
KINDS: Final = (
    FILE, BATCH, JOB, STORE, STORE_BATCH, ASSISTANT, THREAD, MESSAGE, RUN, STEP, VIDEO, CHARACTER, CONTAINER,
    CONTAINER_FILE, EVAL, EVAL_RUN, EVAL_ITEM,
)  # fmt: skip
NAMED: Final = (FILE, STORE, CONTAINER)
"""What requests of models may name. Their prefixes end so that `SIGN` finds their ids."""
BY_OBJECT: Final[Mapping[str, Kind]] = {said: kind for kind in KINDS for said in kind.objects}
"""The kind of an object by its member `object`, whose member `id` is its id."""

MEMBERS: Final[Mapping[str, Kind]] = {
    "file_id": FILE,
    "file_ids": FILE,
    "input_file_id": FILE,
    "output_file_id": FILE,
    "error_file_id": FILE,
    "training_file": FILE,
    "validation_file": FILE,
    "result_files": FILE,
    "batch_id": BATCH,
    "assistant_id": ASSISTANT,
    "thread_id": THREAD,
    "message_id": MESSAGE,
    "run_id": RUN,
    "vector_store_id": STORE,
    "vector_store_ids": STORE,
    "remixed_from_video_id": VIDEO,
    "container_id": CONTAINER,
    "eval_id": EVAL,
}
"""The kind of what a member refers to, in requests and answers; its value is an id or an array of them."""

OWN_MEMBERS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "eval.run.deleted": {**MEMBERS, "run_id": EVAL_RUN},
    "eval.run.output_item": {**MEMBERS, "run_id": EVAL_RUN},
}
"""The same, of objects whose members mean something else, by what their `object` says."""

BY_TYPE: Final[Mapping[str, Kind]] = {"file_id": FILE}
"""The kind of what the member `id` refers to beside a `type` that says so: files in the data of evals."""
