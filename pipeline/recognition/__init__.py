"""Bound encoders in use: clips of any sense compared with texts and with each other, behind `unseen classify`.

`Recogniser` is what Python code imports. It loads one row of bind (`rows`), its encoders (`senses`) and its text tower
(`texts`), reads the files and labels that a user names (`files`, `labels`), and searches the stores of bind (`search`).
"""

from pipeline.recognition.recogniser import Recogniser

__all__ = ["Recogniser"]
