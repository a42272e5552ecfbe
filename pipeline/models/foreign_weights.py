"""Weights that others trained, from a local file: read without running code, loaded only where they fit exactly."""

import pickle
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.hashing import file_digest

if TYPE_CHECKING:  # a digest needs no torch
    from torch import Tensor, nn

_MAX_NAMED = 3  # weights in a message
# What torch's readers raise on files that are cut off or have a wrong byte.
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def digest(path: Path, what: str) -> str:
    """SHA-256 of a file of weights. FormatError for a file that is not there."""
    outside.check_file(path, what)
    return file_digest(path)


def read(path: Path, what: str) -> "dict[str, Tensor]":
    """Weights by name, of safetensors or of torch's format; `what` they should be: "weights of a CLIP".

    FormatError for a file that is not there, is no weights, or would have to run code.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    outside.check_file(path, what)
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            with warnings.catch_warnings():  # of an archive of TorchScript and of plain pickles, which are then refused
                warnings.filterwarnings("ignore", "'torch.load' received a zip file", UserWarning)
                warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
                warnings.filterwarnings("ignore", "Validating sparse tensor", UserWarning)
                content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise FormatError(
            f"{path}: a pickle that holds code or other values beside weights; it is not run, bring safetensors"
        ) from None
    except (SafetensorError, *_DAMAGED) as error:
        reason = " ".join(str(error).split())[:200]
        raise FormatError(f"{path}: not readable as weights ({reason}); bring them as safetensors") from None
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    named = isinstance(state, dict) and all(isinstance(name, str) for name in state)
    if not named or not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FormatError(f"{path}: holds no weights by name; expected a model's state")
    return {
        name.removeprefix("module."): value for name, value in state.items()
    }  # as a model on several devices names them


def load_into(model: "nn.Module", state: "dict[str, Tensor]", path: Path) -> None:
    """Put the weights of a file into a model. FormatError, naming the weight, where they do not fit."""
    wanted = model.state_dict()
    missing = sorted(set(wanted) - set(state))
    unknown = sorted(set(state) - set(wanted))
    wrong = [name for name in wanted if name in state and state[name].shape != wanted[name].shape]
    for names, fault in ((missing, "lacks"), (unknown, "has, and the architecture has not,")):
        if names:
            more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
            raise FormatError(f"{path}: {fault} {', '.join(names[:_MAX_NAMED])}{more}; is it of this architecture?")
    if wrong:
        name = wrong[0]
        raise FormatError(
            f"{path}: {name} has the shape {tuple(state[name].shape)}, the architecture's is "
            f"{tuple(wanted[name].shape)} ({len(wrong)} such in all); is it of this architecture?"
        )
    for name, value in state.items():
        _refuse_unusable(path, name, value)
    model.load_state_dict(state)


def _refuse_unusable(path: Path, name: str, value: "Tensor") -> None:
    import torch

    dense = value.layout == torch.strided and value.device.type == "cpu"
    if not dense or value.is_quantized or value.is_complex() or not value.isfinite().all():
        raise FormatError(f"{path}: {name} is no dense array of real, finite numbers; bring other weights")
