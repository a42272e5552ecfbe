"""The small R(2+1)D of models.r2plus1d on thermal pictures."""

from pipeline.models.r2plus1d import Encoder, Params

__all__ = ["Encoder", "Params"]
