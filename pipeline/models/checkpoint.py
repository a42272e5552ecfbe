"""Weights as safetensors. Metadata is one JSON text under the key "unseen", so that two runs write the same bytes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.core.errors import FormatError
from pipeline.core.outputs import whole
from pipeline.core.weights import Weights

if TYPE_CHECKING:  # closed forms write their weights without torch
    from torch import Tensor, nn

_KEY = "unseen"


def save(path: Path, module: Weights, metadata: dict[str, Any]) -> None:
    """Write a module's state; `metadata`, a JSON object, says how to rebuild the module and who trained it."""
    write(path, module.state_dict(), metadata)


def write(path: Path, tensors: "Mapping[str, npt.NDArray[Any] | Tensor]", metadata: dict[str, Any]) -> None:
    """Write tensors by name."""
    state = {name: _array(value) for name, value in tensors.items()}
    text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    with whole(path) as scratch:
        save_file(state, scratch, metadata={_KEY: text})


def _array(value: "npt.NDArray[Any] | Tensor") -> npt.NDArray[Any]:
    return np.asarray(value if isinstance(value, np.ndarray) else value.detach().cpu().numpy(), order="C")


def load(path: Path, made_by: str = "pretrain") -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """The state and metadata of a file; FormatError, naming the stage to run, for a file that `save` did not write."""
    return _read(path, made_by, _tensors)


def metadata(path: Path, made_by: str = "pretrain") -> dict[str, Any]:
    """The metadata alone, the state not read; raises as `load` does."""
    return _read(path, made_by, lambda _: {})[1]


def _tensors(file: Any) -> "dict[str, Tensor]":
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def _read(
    path: Path, made_by: str, state_of: "Callable[[Any], dict[str, Tensor]]"
) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    remedy = f"run `dvc repro {made_by}`"
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            state = state_of(file)
    except FileNotFoundError:
        raise FormatError(f"{path}: no such weights; {remedy}") from None
    except (SafetensorError, OSError) as error:
        raise FormatError(f"{path}: not safetensors ({' '.join(str(error).split())}); {remedy}") from None
    except (KeyError, ValueError):
        raise FormatError(f"{path}: weights without readable metadata '{_KEY}'; {remedy}") from None
    if not isinstance(about, dict):
        raise FormatError(f"{path}: metadata '{_KEY}' is no JSON object; {remedy}")
    return state, about


def tensor(path: Path, name: str, made_by: str = "pretrain") -> "Tensor":
    """One tensor of a file, the others not read; FormatError for a file that has none of that name."""
    try:
        with safe_open(path, framework="pt") as file:
            value: Tensor = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise FormatError(f"{path}: no '{name}' in it ({reason}); run `dvc repro {made_by}`") from None
    return value


def restore(module: "nn.Module", state: "dict[str, Tensor]", path: Path) -> None:
    """Put a loaded state into a module, frozen and in eval mode; FormatError if they do not fit each other."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise FormatError(f"{path}: weights do not fit the network: {' '.join(str(error).split())[:200]}") from None
    module.requires_grad_(False).eval()
