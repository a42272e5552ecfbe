"""Pickles from outside, read as data: plain values and numeric NumPy arrays, nothing that could run.

A pickle is a program: it may name any function and call it. Here a name resolves only to one of a handful of
constructors of our own, none of which can be changed by the pickle; any other name ends the reading. Memory is bounded
by a multiple of the file's size, for a few bytes can ask for gigabytes.
"""

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError

MAX_FILE_BYTES = 4 << 30  # the real Action Genome file is far below; more does not fit the memory it needs
MEMORY_PER_BYTE = 40  # a small integer takes two bytes of pickle and a list slot and, at worst, an object of 32 bytes
MEMORY_BYTES = 1 << 30  # above that multiple, whatever the file

_NUMERIC = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}


class _RefusedError(Exception):
    """What the pickle asks for is not data."""


class _Constructor:
    """A call the pickle may make; BUILD on it, which would set its attributes, is refused."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)

    def __setstate__(self, state: object) -> NoReturn:
        raise _RefusedError("a change to a constructor")


class _Dtype:
    """A numeric type in the making."""

    __slots__ = ("value",)

    def __init__(self, code: object) -> None:
        if code not in _NUMERIC:
            raise _RefusedError(f"an array of type {code!r}")
        self.value: np.dtype[Any] = np.dtype(str(code))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise _RefusedError(f"byte order {order!r}")
        self.value = self.value.newbyteorder(order) if order in "<>" else self.value


class Array:
    """A numeric array of a pickle; `value` is it."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: npt.NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_column, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
            raise _RefusedError("an array that is not numeric")
        self.value = np.frombuffer(bytes(data), dtype.value).reshape(shape, order="F" if by_column else "C")


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> Array:
    array = Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _scalar(dtype: _Dtype, data: bytes) -> Any:
    return np.frombuffer(data, dtype.value)[0].item()


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"text in {encoding!r}")
    return text.encode("latin1")


def _refuse_call(*_: object) -> NoReturn:
    raise _RefusedError("a call of an array's class")


_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ADMITTED: dict[tuple[str, str], _Constructor] = {
    ("numpy", "ndarray"): _Constructor(_refuse_call),
    ("numpy", "dtype"): _Constructor(lambda code, *_: _Dtype(code)),
    ("_codecs", "encode"): _Constructor(_encode),  # how protocol 2 writes bytes
    **{(module, "_reconstruct"): _Constructor(lambda *_: Array()) for module in _ARRAY_MODULES},
    **{(module, "_frombuffer"): _Constructor(_from_buffer) for module in ("numpy.core.numeric", "numpy._core.numeric")},
    **{(module, "scalar"): _Constructor(_scalar) for module in _ARRAY_MODULES},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise _RefusedError(f"{module}.{name}")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: object) -> NoReturn:
        raise _RefusedError(f"the persistent id {pid!r}")


def read(path: Path) -> Any:
    """The value of a pickle: dict, list, str, numbers, None and Array. FormatError for anything else, in one line."""
    try:
        num_bytes = path.stat().st_size
        if num_bytes > MAX_FILE_BYTES:
            raise FormatError(f"{path}: {num_bytes} bytes, at most {MAX_FILE_BYTES} are read; is it the right file?")
        with path.open("rb") as file, bounded_memory(num_bytes * MEMORY_PER_BYTE + MEMORY_BYTES):
            return _Unpickler(file, encoding="latin1").load()
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file; put it there as its owners publish it") from None
    except _RefusedError as error:
        raise FormatError(f"{path}: the pickle asks for {error}, which is no plain data; distrust the file") from None
    except MemoryError:
        raise FormatError(f"{path}: asks for more memory than its {num_bytes} bytes explain; fetch it again") from None
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise FormatError(f"{path}: not a readable pickle ({type(error).__name__}: {error}); fetch it again") from None
    except (OverflowError, ImportError, RecursionError) as error:
        raise FormatError(f"{path}: not a readable pickle ({type(error).__name__}); fetch it again") from None


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
