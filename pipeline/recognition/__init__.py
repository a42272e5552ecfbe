"""Bound encoders in use: clips of any sense against texts and against each other (behind `unseen classify`)."""

from pipeline.recognition.recogniser import Recogniser

__all__ = ["Recogniser"]
