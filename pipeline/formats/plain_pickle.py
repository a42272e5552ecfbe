"""Pickles from outside, read as data: plain values and numeric NumPy arrays, nothing that could run.

A pickle may name any function and call it. Here a name resolves only to one of a handful of constructors of our own;
any other name ends the reading (formats.unpickling). Memory is bounded by a multiple of the file's size, because a few
bytes can ask for gigabytes.
"""

import gc
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats.unpickling import Admitted, Built, Constructor, RefusedError, load

MAX_FILE_BYTES = 8 << 30  # NTU RGB+D 120 as a pickle, the largest, has some three
MEMORY_PER_BYTE = 40  # a small integer takes two bytes of pickle and a list slot and, at worst, an object of 32 bytes
MEMORY_BYTES = 1 << 30  # above that multiple, whatever the file

_NUMERIC = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class _Dtype(Built):
    """A numeric type in the making."""

    __slots__ = ("value",)

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or code not in _NUMERIC:
            what = repr(code[:20]) if isinstance(code, str) else type(code).__name__
            raise RefusedError(f"arrays of type {what} are refused, only plain numbers are read")
        self.value: np.dtype[Any] = np.dtype(code)

    def fill(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if not isinstance(order, str) or order not in ("<", ">", "|", "="):
            raise RefusedError("a type of numbers in an unknown byte order is refused")
        if order in ("<", ">"):
            self.value = self.value.newbyteorder("<" if order == "<" else ">")

    def size(self) -> int:
        return 1


class Array(Built):
    """A numeric array of a pickle; `value` is it."""

    __slots__ = ("value",)

    def __init__(self, *_: object) -> None:
        self.value: npt.NDArray[Any] = np.empty(0)

    def fill(self, state: Any) -> None:
        """Take a shape, a type, an order and the bytes of the numbers."""
        _, shape, dtype, by_column, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
            raise RefusedError("an array that is not numeric is refused, only plain numbers are read")
        if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
            raise RefusedError("an array without a shape is refused")
        self.value = np.frombuffer(bytes(data), dtype.value).reshape(shape, order="F" if by_column is True else "C")

    def size(self) -> int:
        """As many as its bytes make numbers."""
        return 1 + self.value.nbytes // 8


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> Array:
    array = Array()
    array.fill((1, shape, dtype, order == "F", data))
    return array


def _scalar(dtype: object, data: object) -> Any:
    array = Array()
    array.fill((1, (1,), dtype, False, data))
    return array.value[0].item()


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise RefusedError("text in an unexpected encoding is refused")
    return text.encode("latin1")


def _refuse_call(*_: object) -> NoReturn:
    raise RefusedError("a call of an array's class is refused")


_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
ADMITTED: Admitted = {
    ("numpy", "ndarray"): Constructor(_refuse_call),
    ("numpy", "dtype"): Constructor(_Dtype),
    ("_codecs", "encode"): Constructor(_encode),  # how protocol 2 writes bytes
    **{(module, "_reconstruct"): Constructor(Array) for module in _ARRAY_MODULES},
    **{(module, "_frombuffer"): Constructor(_from_buffer) for module in ("numpy.core.numeric", "numpy._core.numeric")},
    **{(module, "scalar"): Constructor(_scalar) for module in _ARRAY_MODULES},
}


def read(path: Path, *, memory_per_byte: int = MEMORY_PER_BYTE, admitted: Admitted = ADMITTED) -> Any:
    """The value of a pickle: dict by text, list, tuple, str, bytes, numbers, None and Array.

    One of `admitted` that the pickle names and does not call stays what it is, and can do nothing. Raises FormatError
    for anything else, and where more memory is asked for than `memory_per_byte` of the file explain.
    """
    num_bytes = outside.check_file(path, "a pickle")
    if num_bytes > MAX_FILE_BYTES:
        raise FormatError(f"{path}: {num_bytes} bytes, at most {MAX_FILE_BYTES} are read; is it the right file?")
    if not num_bytes:
        raise FormatError(f"{path}: an empty file, expected a pickle; fetch it again")
    try:
        with (
            outside.opened(path, "a pickle") as file,
            bounded_memory(num_bytes * memory_per_byte + MEMORY_BYTES),
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view,
            _uncollected(),
        ):
            return load(view, num_bytes, admitted)
    except RefusedError as error:
        raise FormatError(f"{path}: {error}; distrust the file") from None
    except MemoryError:
        raise FormatError(
            f"{path}: not a readable pickle (MemoryError): asks for more memory than its {num_bytes} bytes explain; "
            "fetch it again"
        ) from None
    except Exception as error:  # a hostile pickle can raise anything
        raise FormatError(f"{path}: not a readable pickle ({type(error).__name__}: {error}); fetch it again") from None


@contextmanager
def bounded_memory(num_bytes: int) -> Iterator[None]:
    """Let this process's address space grow by so much at most; a MemoryError beyond. Only Linux can do it."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = now + num_bytes
    limits = [value for value in (bound, soft, hard) if value != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which has nothing to find here; a third faster with many small lists."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
