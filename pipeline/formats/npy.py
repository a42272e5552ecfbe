"""One NumPy array, as `.npy` files and the members of `.npz` archives hold it: no pickle, nothing larger than it is."""

import io
import math
import tokenize
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

# What a damaged header can lead to; NumPy reads it as an expression of Python.
HEADER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    OverflowError,
    SyntaxError,
    KeyError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class NotAnArrayError(Exception):
    """What is wrong with the bytes; whoever knows the file puts its path before it."""


def numbers(content: bytes) -> npt.NDArray[Any]:
    """An array of whole or floating numbers as a view of its bytes. Raises NotAnArrayError for anything else.

    What the header claims is compared with the bytes that there are before anything is set aside for it.
    """
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a header as Python 2 wrote it
            shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
        length = math.prod(shape)
        lengths_fit = all(type(one) is int and one >= 0 for one in shape)
    except HEADER_ERRORS as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise NotAnArrayError(f"no readable .npy array ({what[:200]})") from None
    if dtype.kind not in "fiu" or dtype.shape:
        raise NotAnArrayError(f"an array of {dtype.name}, expected one of numbers; save it as float32")
    num_bytes = len(content) - file.tell()
    if not lengths_fit or length * dtype.itemsize != num_bytes:
        raise NotAnArrayError(f"shape {shape} of {dtype.name} does not fit its {num_bytes} bytes; is it cut short?")
    flat = np.frombuffer(content, dtype, length, file.tell())
    return flat.reshape(shape, order="F" if is_fortran else "C")
