"""Skeletons: joint positions over time, as a sensor measures or a program estimates them.

Encoders: the networks `stgcn`, `ctr_gcn`, `ms_g3d`, `mst_gcn` and `shift_gcn`, an ensemble of them (`streams`), and
`kinematics`, which learns nothing.
"""

# Shapes: N clips, C = 3 axes, T frames, V joints, M bodies.
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.core import joints, members, params
from pipeline.core.errors import ParamsError
from pipeline.formats.shared import Skeleton
from pipeline.modalities import shared
from pipeline.modalities.skeleton import _augmentation

if TYPE_CHECKING:
    from torch import nn


def read(dataset: str) -> Callable[[Path], Skeleton]:
    """The reader of a dataset's skeleton files."""
    return shared.reader("skeleton", dataset)


def prepare(recipe: str, options: Mapping[str, Any], section: str) -> Callable[[Skeleton], npt.NDArray[np.float32]]:
    """The function that makes x_CTVM of a recording, as modalities.shared.preparation gives it."""
    return shared.preparation("skeleton", recipe, options, section)


def build(encoder: str, options: Mapping[str, Any], layout: str, section: str) -> "nn.Module":
    """A new encoder x_NCTVM -> feature_ND for a joint layout, drawn from torch's random state."""
    if not joints.is_layout(layout):
        raise ParamsError(f"no joint layout '{layout}'; there are {sorted(joints.LAYOUTS)}")
    member = members.load(__name__, encoder)
    module: nn.Module = member.Encoder(params.parse(member.Params, dict(options), section), joints.find(layout))
    return module


def augment(
    options: Mapping[str, Any], layout: str, section: str
) -> Callable[[npt.NDArray[np.float32], np.random.Generator], npt.NDArray[np.float32]]:
    """The function that draws a variant of x_CTVM; `options` are the Params of `_augmentation`."""
    if not _augmentation.is_metric(layout):
        raise ParamsError(
            f"{section}: the joints of layout '{layout}' are places in a picture, augmentation needs places in metres "
            f"({', '.join(_augmentation.METRIC_LAYOUTS)}); set it to null"
        )
    return partial(_augmentation.augmented, params=params.parse(_augmentation.Params, dict(options), section))


def is_empty(x_NCTVM: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which clips have no body, or a coordinate that is no number: no encoder may see them."""
    flat = x_NCTVM.reshape(len(x_NCTVM), -1)
    sound: npt.NDArray[np.bool_] = np.logical_and(flat.any(axis=1), np.isfinite(flat).all(axis=1))
    return ~sound
