"""The first weights of a bound encoder: drawn by its seed, those of a supervised training, or the hub's own tower."""

from pathlib import Path
from typing import Any

import torch

from pipeline.core import members
from pipeline.core.bound import HUB
from pipeline.core.errors import DataError, ParamsError
from pipeline.models import checkpoint
from pipeline.models.bound import BoundEncoder
from pipeline.training import frozen
from pipeline.training.binding import Sense, clip_of

PRETRAIN = "features/pretrain/"


def file_of(sense: Sense, pretrained: Path, split: str, seed: int, where: str) -> Path | None:
    """The weights that a sense starts from, of the same split and seed; None where it starts from no file."""
    if sense.start is None or sense.start == HUB:
        return None
    name = sense.start.removeprefix(PRETRAIN)
    if name == sense.start or not name or "/" in name or name in (".", ".."):
        raise ParamsError(f"{where}.start: expected null, '{HUB}' or '{PRETRAIN}<row>', found '{sense.start}'")
    file = pretrained / name / f"{split}-{seed}.safetensors"
    if not file.is_file():
        there = sorted(path.stem for path in file.parent.glob("*.safetensors"))
        raise DataError(
            f"{file}: no such weights, only {there}: a sense starts from those of its own split and seed; add them to "
            f"pretrain.rows.{name}, or mend {where}.start"
        )
    return file


def meta_of(sense: Sense, file: Path, request: frozen.EncoderRequest, layout: str) -> frozen.EncoderMeta:
    """The metadata of a start's weights. Refuses weights of another encoder and those trained on an unseen class."""
    meta = frozen.check(checkpoint.load(file)[1], file, request, layout)
    if meta.text_space is not None:
        raise DataError(
            f"{file}: its encoder keeps a map to texts (text.keep_map), and a sense starts from an encoder alone; name "
            f"weights without one in {request.where}"
        )
    if meta.options != sense.options:
        unlike = sorted(
            name for name in {**meta.options, **sense.options} if meta.options.get(name) != sense.options.get(name)
        )
        theirs, ours = (
            ", ".join(f"{name} {options.get(name)}" for name in unlike) for options in (meta.options, sense.options)
        )
        raise DataError(f"{file}: its encoder has the options {theirs}, the row asks for {ours}; mend {request.where}")
    return meta


def fill(bound: BoundEncoder, sense: Sense, file: Path | None, hub: Any, where: str) -> None:
    """Load the start's weights into a new encoder; the hub's tower also gives its projection."""
    encoder = bound.encoder
    if file is not None:
        learns = [(weight, weight.requires_grad) for weight in encoder.parameters()]
        checkpoint.restore(encoder, checkpoint.load(file)[0], file)
        for weight, does in learns:
            weight.requires_grad_(does)
        encoder.train()
    elif sense.start == HUB:
        member = members.load(f"pipeline.modalities.{sense.modality}", sense.encoder)
        start_from, clip = getattr(member, "start_from", None), clip_of(hub)
        if start_from is None:
            raise ParamsError(f"{where}.start: {sense.encoder} cannot start from a picture tower; set it to null")
        if clip is None:
            raise ParamsError(f"{where}.start: the hub is no CLIP: it has no picture tower; set it to null")
        with torch.no_grad():
            bound.projection.weight.copy_(start_from(encoder, clip.model.visual))
