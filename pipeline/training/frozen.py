"""Frozen encoders, loaded from weights whose metadata say what they were trained on.

Their weights were trained on a split, were trained by others on all classes, or belong to no split, such as CLIP's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from pipeline import modalities
from pipeline.core import members
from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.hashing import file_digest, value_digest
from pipeline.models import checkpoint, text_space
from pipeline.models.encoder import Encoder, SplitlessMember, WeightlessMember, encoder_of
from pipeline.models.mapped import with_kept_map
from pipeline.models.text_space import TextSpace


@dataclass(frozen=True)
class EncoderRequest:
    """Which encoder a row means; `where` is the part of params.yaml that errors name."""

    dataset: str  # whose clips are encoded
    split_table: str | None  # of the weights, where of another dataset <dataset>/<table>; None: they belong to no split
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]  # as far as its weights do not tell
    where: str

    @property
    def taught_on(self) -> tuple[str, str | None]:
        """The dataset and the split table that the weights were trained on."""
        source, _, table = (self.split_table or "").rpartition("/")
        return source or self.dataset, table or None


class EncoderMeta(BaseModel):
    """The metadata of weights that decide whether and how they may be used."""

    model_config = ConfigDict(strict=True, frozen=True)

    dataset: str
    split_table: str | None  # None: of a training on all classes, as of the split `all`
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    layout: str
    split: str
    seed: int
    training_classes: list[int]
    training_names: list[str]
    unseen_classes: list[int]
    training_clips: str  # a `clips_digest`
    adopted: bool = False  # others have trained them, on val classes too
    text_space: TextSpace | None = None  # where its vectors lie among texts: it has kept its map to them


@dataclass(frozen=True)
class FrozenEncoder:
    """One encoder, the group for its vectors, and the attributes of that group.

    What its weights may be used for is checked; they themselves are read when the encoder is first asked for.
    """

    group: str
    make: Callable[[], Encoder]
    weights_hash: str
    attrs: dict[str, Any]

    @cached_property
    def encoder(self) -> Encoder:
        """At rest."""
        return self.make()


ALL = "all"  # in place of a split: the encoder was trained on all classes
Loads = dict[str, Callable[[], FrozenEncoder]]  # by group


def is_splitless(modality: str, encoder: str) -> bool:
    """Whether the weights of an encoder belong to no split."""
    return isinstance(members.load(f"pipeline.modalities.{modality}", encoder), SplitlessMember)


def encoders(request: EncoderRequest, weights: Path, layout: str) -> Loads:
    """The encoders of a folder of weights or of a start file, each loaded when it is called for.

    Weights of a split are of the group `<split>-<seed>`, others of `all-<seed>`, or `all` where they have no seeds or
    there are none: of an encoder that learns nothing `weights` are not opened. Of weights that others have trained on
    all classes `split_table` is None, and they may be of another dataset.
    Raises ParamsError for what the row should say otherwise, and DataError for weights that are not there; a load also
    LeakError if an encoder was trained on a class that its split calls unseen, is not the one its file name says, or
    does not tell what it has seen.
    """
    if request.split_table is not None or any(weights.glob(f"{ALL}-*.safetensors")):
        return _of_splits(request, weights, layout)
    return _of_no_weights(request, layout) if is_weightless(request) else _of_no_split(request, weights)


def _of_splits(request: EncoderRequest, weights: Path, layout: str) -> Loads:
    """The encoders that pretrain left, or that were imported."""
    if request.options:
        raise ParamsError(f"{request.where}: options: the weights of {request.encoder} bring their own; set it to {{}}")
    files = sorted(weights.glob("*.safetensors"))
    if not files:
        raise DataError(f"{weights}: no weights there; run `dvc repro pretrain@{weights.name}`")

    def load(file: Path) -> FrozenEncoder:
        weights_hash = file_digest(file)
        meta = check(checkpoint.metadata(file), file, request, layout)
        attrs = meta.model_dump(include={"split", "seed", "training_classes", "training_clips", "encoder", "modality"})
        attrs |= {"adopted": True} if meta.adopted else {}
        if meta.dataset != request.dataset:  # its class ids say nothing of those of the clips
            attrs |= {"training_classes": [], "source": meta.dataset, "training_names": meta.training_names}
            attrs["training_clips"] = None
        if meta.text_space is not None:
            attrs[text_space.KEY] = meta.text_space.model_dump()
        return FrozenEncoder(file.stem, partial(_read, file, weights_hash), weights_hash, attrs)

    return {file.stem: partial(load, file) for file in files}


def _read(file: Path, weights_hash: str) -> Encoder:
    """The encoder of a file whose digest was taken before. Raises DataError if the file is another one by now."""
    encoder = encoder_of(restored(file, *checkpoint.load(file)))
    if file_digest(file) != weights_hash:
        raise DataError(f"{file}: changed while it was read; run the stage again")
    return encoder


def restored(file: Path, state: dict[str, Tensor], metadata: Mapping[str, Any]) -> nn.Module:
    """The encoder that the metadata of a file of pretrain describe, with its weights."""
    sense = modalities.sense(metadata["modality"])
    module = sense.build(metadata["encoder"], metadata["options"], metadata["layout"], str(file))
    module = with_kept_map(module, metadata)
    checkpoint.restore(module, state, file)
    return module


def _of_no_split(request: EncoderRequest, weights: Path) -> Loads:
    """The encoders of a start file or of a row of finetune."""
    member = members.load(f"pipeline.modalities.{request.modality}", request.encoder)
    if not isinstance(member, SplitlessMember):
        raise ParamsError(
            f"{request.where}: split_table: {request.encoder} is trained on a split; name the table of its splits"
        )
    if request.recipe != member.RECIPE:
        raise ParamsError(
            f"{request.where}: recipe: {request.encoder} sees pictures as the recipe '{member.RECIPE}' leaves them, "
            f"not '{request.recipe}'"
        )

    def load(name: str, seed: int | None) -> FrozenEncoder:
        module, meta = member.frozen(weights, seed, request.options, f"{request.where}: options")
        file = weights if seed is None else weights / f"{seed}.safetensors"
        attrs: dict[str, Any] = {"training_classes": [] if seed is None else _named(meta, request.dataset, file)}
        attrs |= {} if seed is None else {"seed": seed}
        attrs |= {"pretrained": meta["pretrained"]} if meta.get("pretrained") else {}
        attrs |= {"encoder": request.encoder, "modality": request.modality, "options": request.options}
        attrs["training_clips"] = None  # classes are named by texts, and no clip has a label
        return FrozenEncoder(name, lambda: encoder_of(module), meta["weights_hash"], attrs)

    seeds: Sequence[int | None] = member.seeds(weights) or [None]
    names = {"all" if seed is None else f"all-{seed}": seed for seed in seeds}
    return {name: partial(load, name, seed) for name, seed in names.items()}


def is_weightless(request: EncoderRequest) -> bool:
    """Whether an encoder has no weights to learn."""
    return isinstance(members.load(f"pipeline.modalities.{request.modality}", request.encoder), WeightlessMember)


def _of_no_weights(request: EncoderRequest, layout: str) -> Loads:
    """An encoder without weights; a hash of its name, options and layout takes the place of theirs."""
    member: WeightlessMember = members.load(f"pipeline.modalities.{request.modality}", request.encoder)

    def load() -> FrozenEncoder:
        module = modalities.sense(request.modality).build(
            request.encoder, request.options, layout, f"{request.where}: options"
        )
        weights_hash = value_digest([request.encoder, request.options, layout])
        attrs: dict[str, Any] = {"training_classes": [], "training_clips": None, "measured": list(member.MEASURED)}
        attrs |= {"encoder": request.encoder, "modality": request.modality, "options": request.options}
        return FrozenEncoder("all", lambda: encoder_of(module), weights_hash, attrs)

    return {"all": load}


def _named(meta: dict[str, Any], dataset: str, file: Path) -> list[int]:
    """The classes of a dataset that are named in the texts the weights were trained on."""
    named = meta.get("named_classes")
    class_ids = named.get(dataset) if isinstance(named, dict) else None
    if not isinstance(class_ids, list) or not all(isinstance(class_id, int) for class_id in class_ids):
        raise LeakError(
            f"{file}: does not say which classes of '{dataset}' its training texts name; add '{dataset}' to the "
            "audited datasets of the row of finetune and train it again"
        )
    return sorted(set(class_ids))


def check(metadata: dict[str, Any], file: Path, request: EncoderRequest, layout: str) -> EncoderMeta:
    """The metadata of a file of weights. Refuses weights of another row, and those trained on an unseen class."""
    try:
        meta = EncoderMeta.model_validate(metadata)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise FormatError(f"{file}: metadata '{where}': {fault['msg']}; run `dvc repro pretrain`") from None
    if file.stem != f"{meta.split}-{meta.seed}":
        raise LeakError(
            f"{file}: holds the encoder of split '{meta.split}', seed {meta.seed}: another split's encoder has seen "
            "other classes; run `dvc repro pretrain`"
        )
    seen = sorted(set(meta.training_classes) & set(meta.unseen_classes))
    if seen:
        raise LeakError(f"{file}: trained on classes {seen}, which split '{meta.split}' calls unseen")
    dataset, split_table = request.taught_on
    whose = {name: getattr(request, name) for name in ("modality", "recipe", "encoder")}
    wanted = {"split_table": split_table, **whose, "layout": layout}
    wanted |= {} if split_table is None else {"dataset": dataset}
    actual = meta.model_dump(include=set(wanted))
    if actual != wanted:
        raise DataError(f"{file}: is of {actual}, the row asks for {wanted}; mend {request.where} in params.yaml")
    return meta
