"""Unseen: zero-shot action recognition across video, skeleton, depth and thermal, as one DVC pipeline."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.recognition import Recogniser

__all__ = ["Recogniser"]


def __getattr__(name: str) -> Any:
    """`Recogniser`, imported when it is first asked for: with torch it costs seconds, and hardly a stage needs it."""
    if name == "Recogniser":
        return importlib.import_module("pipeline.recognition").Recogniser
    raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
