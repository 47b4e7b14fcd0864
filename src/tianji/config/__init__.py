"""Configuration: a LiteLLM file in, one frozen `Config` and every problem with its place out."""

from tianji.config.loader import Loaded, load
from tianji.config.problems import InvalidConfiguration, Place, Problem
from tianji.config.schema import Config, ModelEntry, ModelInfo, ModelParams

__all__ = [
    "Config",
    "InvalidConfiguration",
    "Loaded",
    "ModelEntry",
    "ModelInfo",
    "ModelParams",
    "Place",
    "Problem",
    "load",
]
