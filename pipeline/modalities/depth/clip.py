"""CLIP's picture tower on each frame of depth, as grey pictures, pooled over time (models.clip_frames)."""

from functools import partial

from pipeline.models import clip_frames
from pipeline.models.clip_frames import Encoder, Params, PoolingParams, seeds

__all__ = ["RECIPE", "Encoder", "Params", "PoolingParams", "frozen", "seeds"]

RECIPE = "clip"
frozen = partial(clip_frames.frozen, in_channels=1)
