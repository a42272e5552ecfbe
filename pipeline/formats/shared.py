"""What every skeleton reader returns, so that later stages need not know the format."""

# Shapes: M bodies, T frames, V joints, 3 = x y z.
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Skeleton:
    """One recording's bodies over time, as recorded: nothing is smoothed, filled or dropped.

    `layout` names one of core.joints.LAYOUTS; `xyz_MTV3` is float32 metres in the sensor's space, NaN where a body is
    absent from a frame; `body_ids` are the format's own ids, in order of first appearance, one per body of the array.
    """

    layout: str
    xyz_MTV3: npt.NDArray[np.float32]
    body_ids: tuple[int, ...]

    @property
    def num_frames(self) -> int:
        """Number of frames T, those without a body included."""
        return int(self.xyz_MTV3.shape[1])
