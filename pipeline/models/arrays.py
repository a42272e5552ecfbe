"""What networks give, as the arrays that methods answer with."""

import numpy as np
from torch import Tensor

from pipeline.models.methods.shared import Array


def as_array(values: Tensor) -> Array:
    """The numbers of a tensor on the CPU that keeps no gradient, as float32."""
    return np.asarray(values.numpy(), dtype=np.float32)
