"""Models of open_clip from this machine alone: architectures by name or by value, weights by tag or by file.

A start file says what a model starts from: {"architecture": name or configuration, "pretrained": tag or null,
"checkpoint": file or null}; with neither tag nor file its weights are random. Nothing is ever downloaded. DVC watches
only the start file: give other weights another file name. open_clip takes seconds to import, so it
is imported where a model is made.
"""

import difflib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.hashing import file_digest, value_digest
from pipeline.formats import typed_json
from pipeline.models import foreign_weights

if TYPE_CHECKING:
    from torch import nn

Architecture = str | dict[str, Any]

VOCABULARY = 49_408  # byte pairs of CLIP's tokenizer, start and end included

_MAX_BYTES = 1 << 20  # of a start file
_WEIGHTS = "weights of a CLIP"
_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # as open_clip names them on the hub


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model starts from."""

    architecture: Architecture
    pretrained: str | None  # one of open_clip's tags, read from the local Hugging Face cache
    checkpoint: str | None  # a file of weights: safetensors, or torch's without code

    @property
    def origin(self) -> str | None:
        """The tag or file of weights whose training data are unknown; None for random weights."""
        return self.pretrained or self.checkpoint


def read_start(path: Path) -> Start:
    """Read a start file. FormatError for anything else; DataError, listing those of the project, if it is missing."""
    if not path.exists():
        ours = sorted(file.name for file in (Path(__file__).parent / "clips").glob("*.json"))
        raise DataError(
            f"{path}: no such start file and no such row of finetune; in pipeline/models/clips there are "
            f"{', '.join(ours)}, and a row is given as the folder features/finetune/<row>"
        )
    start = typed_json.read(path, msgspec.json.Decoder(Start), _MAX_BYTES, "a start file of CLIP")
    if start.pretrained and start.checkpoint:
        raise FormatError(f"{path}: names both a tag ('pretrained') and a file ('checkpoint'); set one of them to null")
    return start


def weights_file(start: Start) -> Path | None:
    """The file that a start's weights come from, or None. DataError or FormatError where it is not on this machine."""
    if start.pretrained is not None:
        return _cached(start.architecture, start.pretrained)
    if start.checkpoint is None:
        return None
    outside.check_file(Path(start.checkpoint), _WEIGHTS)
    return Path(start.checkpoint)


def seeds(path: Path) -> list[int] | None:
    """The seeds of a row of finetune, ascending; None for a start file. DataError for a folder without weights."""
    if not path.is_dir():
        return None
    numbers = sorted(int(file.stem) for file in path.glob("*.safetensors") if file.stem.isdecimal())
    if not numbers:
        raise DataError(f"{path}: no weights there; run `dvc repro finetune@{path.name}`")
    return numbers


def identity(path: Path, seed: int = 0) -> str:
    """SHA-256 that identifies the model of `clip.start`, without building it."""
    if path.is_dir():
        return file_digest(weights_of(path, seed))
    start = read_start(path)
    weights = weights_file(start)
    return value_digest([start.architecture, seed if weights is None else file_digest(weights)])


def weights_of(folder: Path, seed: int) -> Path:
    """The weights of a seed in the folder of a row of finetune. DataError for a seed that is not there."""
    file = folder / f"{seed}.safetensors"
    if not file.is_file():
        raise DataError(
            f"{file}: no such weights, there are seeds {seeds(folder)}; add the seed to the row of finetune"
        )
    return file


def build(architecture: Architecture, tag: str | None) -> "nn.Module":
    """A model with weights from torch's random state, to be filled with those of a tag where one is given.

    ParamsError for an architecture that open_clip cannot build, or that has no such tag.
    """
    open_clip = _open_clip()
    of_tag = {} if tag is None else _tag(architecture, tag)
    if isinstance(architecture, str):
        _check_name(architecture, open_clip.list_models())
    with _offline(), _quiet():
        try:
            if isinstance(architecture, str):
                # The text tower apart, whatever the configuration says: one layout of weights for all architectures.
                model: nn.Module = open_clip.create_model_and_transforms(
                    architecture, force_custom_text=True, pretrained_image=False, pretrained_text=False
                )[0]
            else:
                model = open_clip.CustomTextCLIP(**architecture)
        except (TypeError, ValueError, KeyError, AssertionError, RuntimeError, ZeroDivisionError, OSError) as error:
            raise ParamsError(
                f"open_clip cannot build the architecture {_short(architecture)}: {_line(error)}"
            ) from None
    visual: Any = model.visual
    visual.image_mean = of_tag.get("mean") or getattr(visual, "image_mean", None) or open_clip.OPENAI_DATASET_MEAN
    visual.image_std = of_tag.get("std") or getattr(visual, "image_std", None) or open_clip.OPENAI_DATASET_STD
    return model


def configuration(architecture: Architecture) -> dict[str, Any]:
    """The configuration from which open_clip builds an architecture."""
    config: dict[str, Any] = (
        architecture if isinstance(architecture, dict) else _open_clip().get_model_config(architecture)
    )
    return config


def fill(model: "nn.Module", path: Path) -> None:
    """Put the weights of a file into a model. FormatError, naming the weight, where they do not fit."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    state = convert_to_custom_text_state_dict(convert_state_dict(model, foreign_weights.read(path, _WEIGHTS)))
    state.pop("text.transformer.embeddings.position_ids", None)  # which older releases of transformers kept
    wanted = model.state_dict()
    for name in ("logit_scale", "logit_bias"):  # a number or an array of one
        if name in state and name in wanted and state[name].numel() == 1:
            state[name] = state[name].reshape(wanted[name].shape)
    foreign_weights.load_into(model, state, path)


def check_vocabulary(architecture: Architecture) -> None:
    """Raise ParamsError for a text tower that has no vectors for some of CLIP's byte pairs."""
    num_words = configuration(architecture)["text_cfg"].get("vocab_size", VOCABULARY)
    if num_words < VOCABULARY:
        raise ParamsError(
            f"{_short(architecture)}: text_cfg.vocab_size is {num_words}, CLIP's vocabulary has {VOCABULARY} byte pairs"
        )


def own_tokenizer(architecture: Architecture) -> bool:
    """Whether an architecture reads CLIP's own byte pairs, and not another vocabulary."""
    text = configuration(architecture)["text_cfg"]
    return not (text.get("hf_tokenizer_name") or text.get("hf_model_name") or text.get("tokenizer_kwargs"))


def tokenizer(architecture: str) -> Any:
    """open_clip's tokenizer of an architecture. DataError where its vocabulary is not on this machine."""
    with _offline(), _quiet():
        try:
            return _open_clip().get_tokenizer(architecture)
        except (OSError, ValueError, RuntimeError) as error:
            name = configuration(architecture)["text_cfg"].get("hf_tokenizer_name")
            raise DataError(
                f"the vocabulary of '{architecture}' is not in the Hugging Face cache ({_line(error)[:120]}); run "
                f"`hf download {name}` once"
            ) from None


def _open_clip() -> Any:
    with _offline():
        import open_clip

    return open_clip


def _check_name(name: str, known: list[str]) -> None:
    if name not in known:
        by_lower = {architecture.lower(): architecture for architecture in known}
        near = [by_lower[lower] for lower in difflib.get_close_matches(name.lower(), by_lower, n=5, cutoff=0.5)]
        raise ParamsError(
            f"open_clip has no architecture '{name}'; near it are {near or known[:5]}, all are open_clip.list_models()"
        )


def _tag(architecture: Architecture, tag: str) -> dict[str, Any]:
    """The configuration of a tag. ParamsError for one that the architecture does not have."""
    if not isinstance(architecture, str):
        raise ParamsError(f"tag '{tag}': only an architecture given by name has tags; set 'pretrained' to null")
    open_clip = _open_clip()
    _check_name(architecture, open_clip.list_models())
    known = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in known:
        raise ParamsError(f"architecture '{architecture}' has no pretrained tag '{tag}', only {known}")
    config: dict[str, Any] = open_clip.get_pretrained_cfg(architecture, tag)
    quick = bool(config.get("quick_gelu"))
    if quick != bool(configuration(architecture).get("quick_gelu")):
        other = f"{architecture}-quickgelu" if quick else architecture.removesuffix("-quickgelu")
        raise ParamsError(f"tag '{tag}' was trained with another activation; name the architecture '{other}'")
    return config


def _cached(architecture: Architecture, tag: str) -> Path:
    from huggingface_hub import try_to_load_from_cache

    repository, _, file = _tag(architecture, tag).get("hf_hub", "").rpartition("/")
    if not repository:
        raise DataError(f"tag '{tag}' of '{architecture}' is on no hub; download its file and name it as 'checkpoint'")
    for name in [file] if file else _FILES:
        file_path = try_to_load_from_cache(repository, name)
        if isinstance(file_path, str):
            return Path(file_path)
    raise DataError(
        f"weights '{tag}' of '{architecture}' are not in the Hugging Face cache, and nothing is fetched here; run "
        f"`hf download {repository} {file or _FILES[0]}` once"
    )


@contextmanager
def _offline() -> Iterator[None]:
    """Inside the block nothing reaches the network, even if the hub's client was imported before."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read at import
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence open_clip's warnings, by the root logger, that weights are random: that is intended."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _short(architecture: Architecture) -> str:
    return f"'{architecture}'" if isinstance(architecture, str) else "given by value"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
