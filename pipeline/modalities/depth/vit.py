"""The vision transformer of models.vit on depth; it can begin as CLIP's picture tower."""

from pipeline.models.clip_start import start_from
from pipeline.models.vit import Encoder, Params

__all__ = ["Encoder", "Params", "start_from"]
