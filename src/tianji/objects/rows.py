"""The routes of what upstreams keep: one row each, under the paths that OpenAI's clients know.

https://platform.openai.com/docs/api-reference
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from tianji.objects.kinds import (
    ASSISTANT,
    BATCH,
    CHARACTER,
    CONTAINER,
    CONTAINER_FILE,
    EVAL,
    EVAL_ITEM,
    EVAL_RUN,
    FILE,
    JOB,
    KINDS,
    MESSAGE,
    RUN,
    STEP,
    STORE,
    VIDEO,
    Kind,
)

Section = Literal["files", "finetune", "assistants"]


_SEARCHING: Final = ("/vector_stores/{store}/search", "/vector_stores/{store}/files/{file}/content")


class Row(Struct, frozen=True):
    """One route. In `path`, `{file}` and its like are ids of that kind.

    lists: a list of objects of this kind that the caller made. creates: an object of this kind. deletes: the one named
    last in the path. content: the answer is the content of a file. form: the request is, or may be, a form with a file.
    by_provider: may also be asked for as `/{provider}/v1/...`. section: of the configuration; it says where what names
    nothing goes. models: `model` is what serves, and is told to the upstream. items: the kind of what is listed within
    another object. streams: with `stream: true` the answer is one. begins: a run, for which its caller pays
    when it is over. grades: the models that its body names at any depth are asked by its upstream.
    """

    method: str
    path: str
    summary: str
    lists: Kind | None = None
    creates: Kind | None = None
    deletes: bool = False
    content: bool = False
    form: bool = False
    by_provider: bool = False
    section: Section = "files"
    models: bool = False
    items: Kind | None = None
    streams: bool = False
    begins: bool = False
    grades: bool = False

    @property
    def spoken(self) -> str:
        """The operation in whose form is what is told to models, or was said by them; "" where nothing is."""
        if self.path.startswith(("/assistants", "/threads")):
            return "assistants"
        if self.of_videos:
            return "videos" if self.method == "POST" and self.creates is VIDEO else ""
        return "vector_search" if self.path.endswith(_SEARCHING) else ""

    @property
    def of_files(self) -> bool:
        """Whether it is about files, which more providers keep than anything else."""
        return self.path.startswith("/files")

    @property
    def of_videos(self) -> bool:
        """Whether it is about videos, which are routed by their models."""
        return self.path.startswith("/videos")

    @property
    def told(self) -> bool:
        """Whether its body holds what a model, or a search, is told."""
        return self.method == "POST" and bool(self.spoken)

    @property
    def heard(self) -> bool:
        """Whether its answer holds what a model has said, or a search has found."""
        return self.method != "DELETE" and bool(self.spoken)

    @property
    def templates(self) -> tuple[str, ...]:
        """The paths at which it is asked for."""
        usual = f"/v1{self.path}", self.path
        return (*usual, f"/{{provider}}/v1{self.path}") if self.by_provider else usual


IN_PATH: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}

_RUN: Final = "/threads/{thread}/runs/{run}"
_ASSISTANTS: Final = (
    Row("POST", "/assistants", "Make an assistant.", creates=ASSISTANT, section="assistants", models=True),
    Row("GET", "/assistants", "List the assistants of the caller.", lists=ASSISTANT),
    Row("GET", "/assistants/{assistant}", "Return what is known of an assistant."),
    Row("POST", "/assistants/{assistant}", "Change an assistant.", models=True),
    Row("DELETE", "/assistants/{assistant}", "Delete an assistant.", deletes=True),
    Row("POST", "/threads", "Begin a thread.", section="assistants"),
    Row("GET", "/threads/{thread}", "Return what is known of a thread."),
    Row("POST", "/threads/{thread}", "Change a thread."),
    Row("DELETE", "/threads/{thread}", "Delete a thread."),
    Row("POST", "/threads/{thread}/messages", "Add a message to a thread."),
    Row("GET", "/threads/{thread}/messages", "List the messages of a thread.", items=MESSAGE),
    Row("GET", "/threads/{thread}/messages/{message}", "Return a message of a thread."),
    Row("POST", "/threads/{thread}/messages/{message}", "Change a message of a thread."),
    Row("DELETE", "/threads/{thread}/messages/{message}", "Delete a message of a thread."),
    Row(
        "POST",
        "/threads/runs",
        "Begin a thread and run it.",
        section="assistants",
        models=True,
        streams=True,
        begins=True,
    ),
    Row("POST", "/threads/{thread}/runs", "Run a thread.", models=True, streams=True, begins=True),
    Row("GET", "/threads/{thread}/runs", "List the runs of a thread.", items=RUN),
    Row("GET", _RUN, "Return how far a run is."),
    Row("POST", _RUN, "Change a run."),
    Row("POST", f"{_RUN}/cancel", "Cancel a run."),
    Row("POST", f"{_RUN}/submit_tool_outputs", "Say what tools have made of a run's calls.", streams=True),
    Row("GET", f"{_RUN}/steps", "List the steps of a run.", items=STEP),
    Row("GET", f"{_RUN}/steps/{{step}}", "Return a step of a run."),
)
_VIDEOS: Final = (
    Row("POST", "/videos", "Have a video made.", creates=VIDEO),
    Row("GET", "/videos", "List the videos of the caller.", lists=VIDEO),
    Row("POST", "/videos/edits", "Have a video changed.", creates=VIDEO),
    Row("POST", "/videos/extensions", "Have a video go on.", creates=VIDEO),
    Row("POST", "/videos/characters", "Make a character of a video.", creates=CHARACTER),
    Row("GET", "/videos/characters/{character}", "Return what is known of a character."),
    Row("GET", "/videos/{video}", "Return how far a video is."),
    Row("DELETE", "/videos/{video}", "Delete a video.", deletes=True),
    Row("GET", "/videos/{video}/content", "Return a video, or a picture of it."),
    Row("POST", "/videos/{video}/remix", "Have a video made anew by another prompt.", creates=VIDEO),
)
_CONTAINER: Final = "/containers/{container}"
_CONTAINERS: Final = (
    Row("POST", "/containers", "Make a container for the code of models.", creates=CONTAINER),
    Row("GET", "/containers", "List the containers of the caller.", lists=CONTAINER),
    Row("GET", _CONTAINER, "Return what is known of a container."),
    Row("DELETE", _CONTAINER, "Delete a container.", deletes=True),
    Row("POST", f"{_CONTAINER}/files", "Put a file into a container.", form=True),
    Row("GET", f"{_CONTAINER}/files", "List the files of a container.", items=CONTAINER_FILE),
    Row("GET", f"{_CONTAINER}/files/{{container_file}}", "Return what is known of a file of a container."),
    Row("DELETE", f"{_CONTAINER}/files/{{container_file}}", "Delete a file of a container."),
    Row("GET", f"{_CONTAINER}/files/{{container_file}}/content", "Return what a file holds.", content=True),
)
_EVAL: Final = "/evals/{eval}"
_EVAL_RUN: Final = f"{_EVAL}/runs/{{eval_run}}"
_EVALS: Final = (
    Row("POST", "/evals", "Make an evaluation of models.", creates=EVAL, grades=True),
    Row("GET", "/evals", "List the evaluations of the caller.", lists=EVAL),
    Row("GET", _EVAL, "Return what is known of an evaluation."),
    Row("POST", _EVAL, "Change an evaluation."),
    Row("DELETE", _EVAL, "Delete an evaluation.", deletes=True),
    Row("POST", f"{_EVAL}/runs", "Run an evaluation.", creates=EVAL_RUN, grades=True),
    Row("GET", f"{_EVAL}/runs", "List the runs of an evaluation.", items=EVAL_RUN),
    Row("GET", _EVAL_RUN, "Return how far a run of an evaluation is."),
    Row("POST", _EVAL_RUN, "Cancel a run of an evaluation, as older clients ask for that."),
    Row("POST", f"{_EVAL_RUN}/cancel", "Cancel a run of an evaluation."),
    Row("DELETE", _EVAL_RUN, "Delete a run of an evaluation.", deletes=True),
    Row("GET", f"{_EVAL_RUN}/output_items", "List what came of a run of an evaluation.", items=EVAL_ITEM),
    Row("GET", f"{_EVAL_RUN}/output_items/{{eval_item}}", "Return one thing that came of a run of an evaluation."),
)
ROWS: Final = (
    Row("POST", "/files", "Upload a file.", creates=FILE, form=True, by_provider=True),
    Row("GET", "/files", "List the files of the caller.", lists=FILE, by_provider=True),
    Row("GET", "/files/{file}", "Return what is known of a file.", by_provider=True),
    Row("DELETE", "/files/{file}", "Delete a file.", deletes=True, by_provider=True),
    Row("GET", "/files/{file}/content", "Return what a file holds.", content=True, by_provider=True),
    Row("POST", "/batches", "Have the requests in a file answered.", creates=BATCH, by_provider=True),
    Row("GET", "/batches", "List the batches of the caller.", lists=BATCH, by_provider=True),
    Row("GET", "/batches/{batch}", "Return how far a batch is.", by_provider=True),
    Row("POST", "/batches/{batch}/cancel", "Cancel a batch.", by_provider=True),
    Row("POST", "/fine_tuning/jobs", "Tune a model.", creates=JOB, section="finetune", models=True),
    Row("GET", "/fine_tuning/jobs", "List the jobs of the caller.", lists=JOB),
    Row("GET", "/fine_tuning/jobs/{job}", "Return how far a job is."),
    Row("POST", "/fine_tuning/jobs/{job}/cancel", "Cancel a job."),
    Row("POST", "/fine_tuning/jobs/{job}/pause", "Pause a job."),
    Row("POST", "/fine_tuning/jobs/{job}/resume", "Go on with a job."),
    Row("GET", "/fine_tuning/jobs/{job}/events", "List what happened to a job."),
    Row("GET", "/fine_tuning/jobs/{job}/checkpoints", "List the checkpoints of a job."),
    Row("POST", "/vector_stores", "Make a vector store.", creates=STORE),
    Row("GET", "/vector_stores", "List the vector stores of the caller.", lists=STORE),
    Row("GET", "/vector_stores/{store}", "Return what is known of a vector store."),
    Row("POST", "/vector_stores/{store}", "Change a vector store."),
    Row("DELETE", "/vector_stores/{store}", "Delete a vector store.", deletes=True),
    Row("POST", "/vector_stores/{store}/search", "Search a vector store."),
    Row("POST", "/vector_stores/{store}/files", "Put a file into a vector store."),
    Row("GET", "/vector_stores/{store}/files", "List the files of a vector store.", items=FILE),
    Row("GET", "/vector_stores/{store}/files/{file}", "Return what is known of a file of a vector store."),
    Row("POST", "/vector_stores/{store}/files/{file}", "Change the attributes of a file of a vector store."),
    Row("DELETE", "/vector_stores/{store}/files/{file}", "Take a file out of a vector store."),
    Row("GET", "/vector_stores/{store}/files/{file}/content", "Return the text of a file of a vector store."),
    Row("POST", "/vector_stores/{store}/file_batches", "Put several files into a vector store."),
    Row("GET", "/vector_stores/{store}/file_batches/{store_batch}", "Return how far several files are."),
    Row("POST", "/vector_stores/{store}/file_batches/{store_batch}/cancel", "Put no more of several files in."),
    Row("GET", "/vector_stores/{store}/file_batches/{store_batch}/files", "List several files.", items=FILE),
    *_ASSISTANTS,
    *_VIDEOS,
    *_CONTAINERS,
    *_EVALS,
)
