"""Bound encoders in use: clips of any sense compared with texts and with each other, behind `unseen classify`.

`Recogniser` is what Python code imports. It loads one row of bind (`rows`), its encoders (`senses`) and its text tower
(`texts`), reads the files and labels that a user names (`files`, `labels`), and searches the stores of bind (`search`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.recognition.recogniser import Recogniser

__all__ = ["Recogniser"]


def __getattr__(name: str) -> Any:
    """`Recogniser`, imported when it is first asked for: `rows`, `files` and `labels` go without torch."""
    if name == "Recogniser":
        return importlib.import_module("pipeline.recognition.recogniser").Recogniser
    raise AttributeError(f"module 'pipeline.recognition' has no attribute '{name}'")
