"""What may change a request before it is read, where a configuration has that: a worker without loads nothing of it."""

from pathlib import Path
from typing import Any

from tianji._core.pipeline import Pipeline
from tianji.config.schema import Config
from tianji.gateway.snapshot import Snapshot
from tianji.lazy import load


class Preface:
    """That of one worker. `prompts`: what is in force, see gateway.prompting; None where there are no prompts."""

    prompts: Any = None

    def __init__(self, folder: Path) -> None:
        """`folder`: in which the files of the configuration lie."""
        self._folder = folder

    def adopt(self, pipeline: Pipeline, snapshot: Snapshot) -> None:
        """Have requests go by a configuration from now on."""
        self.prompts = None
        if has_prompts(snapshot.config):
            self.prompts = load("tianji.gateway.prompting").prompting(snapshot, self._folder)
        pipeline.prompts = self.prompts


def has_prompts(config: Config) -> bool:
    """Whether a request may name a prompt."""
    settings = config.litellm_settings
    return bool(
        config.prompts
        or settings.global_prompt_directory
        or settings.global_bitbucket_config
        or settings.global_gitlab_config
        or "humanloop" in settings.callbacks
        or any(entry.params.prompt_id for entry in config.model_list)
    )
