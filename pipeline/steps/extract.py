"""extract: prepared arrays and frozen encoders -> one vector a clip, for every clip of the dataset.

Where the row asks, also the tokens that this vector is the mean of, vectors of variants of the clip of which a part is
hidden, and vectors of the people and things that the dataset has boxes of.
"""

# Shapes: N clips, D feature size, K variants or boxes.
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import modalities
from pipeline.core import members, prepared, store
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.core.prepared import Clips
from pipeline.core.progress import track
from pipeline.core.store import GroupWriter
from pipeline.modalities import Modality
from pipeline.models import checkpoint
from pipeline.models.encoder import Encoder, PictureEncoder, SplitlessMember, encoder_of
from pipeline.training import encoding
from pipeline.training.encoding import Batches, Masked


class Row(Params):
    """Whose arrays go through which encoders, and what is kept beside `pooled`."""

    dataset: str
    split_table: str | None  # whose splits the weights were trained on; null where they belong to none
    modality: str
    recipe: str
    encoder: str
    weights: str  # features/pretrain/<row>, features/finetune/<row> or a start file
    options: dict[str, Any]  # of the encoder, as far as its weights do not tell
    tokens: bool
    masked: Masked | None
    regions: bool


class About(BaseModel):
    """What weights say of themselves, as far as it decides whether and how they are used."""

    model_config = ConfigDict(strict=True, frozen=True)

    dataset: str
    split_table: str
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    layout: str
    split: str
    seed: int
    training_classes: list[int]
    unseen_classes: list[int]


@dataclass(frozen=True)
class Found:
    """One encoder, the group that its vectors go to, and what the group says of itself."""

    group: str
    encoder: Encoder
    weights_hash: str
    attrs: dict[str, Any]


def extract(row: Row, batches: Batches, *, key: str, arrays: Path, weights: Path, out: Path) -> dict[str, int]:
    """Write the store of a row: per weights file `<split>-<seed>` a group of that name with array `pooled` (N, D).

    Weights that belong to no split give a group `all-<seed>`, or `all` where they have no seeds.
    Where the row asks, the group also has `tokens` (N, ..., D), whose mean over the middle axes is `pooled`, `masked`
    (N, K, D), the vectors of K variants of each clip, and ragged `regions` (K, D'), what the encoder finds in each of a
    clip's `boxes` (K, 5), beside `box_labels` (K), both as core.prepared has them.
    Raises LeakError if an encoder was trained on a class that its split calls unseen, is not the one its file name
    says, or does not tell what it has seen; DataError, naming the clip, for one without a body.
    """
    clips = Clips(arrays)
    sense = modalities.sense(row.modality)
    encoding.refuse_empty(sense.is_empty, clips, batches)
    loads = _of_no_split(row, weights) if row.split_table is None else _of_splits(sense, row, weights, clips)
    attrs = row.model_dump(include={"dataset", "split_table", "modality", "encoder", "recipe"}, exclude_none=True)
    boxes = _boxes(clips) if row.regions else []
    if row.regions:
        attrs[prepared.BOX_LABELS] = clips.store.attrs[prepared.BOX_LABELS]
    with store.create(out, attrs) as writer:
        for load in track(loads, total=len(loads), what=f"{key}: encoders"):
            found = load()
            masked = row.model_dump(include={"masked"}, exclude_none=True)
            told = {**found.attrs, **masked, "weights_hash": found.weights_hash}
            _put(writer.group(found.group, clips.ids, told), found.encoder, clips, boxes, row, batches)
    return {"clips": len(clips), "encoders": len(loads)}


def _of_splits(sense: Modality, row: Row, weights: Path, clips: Clips) -> list[Callable[[], Found]]:
    """The encoders that pretrain left, each loaded when it is called for."""
    if row.options:
        raise ParamsError(f"extract.rows: options: the weights of {row.encoder} bring their own; set it to {{}}")
    files = sorted(weights.glob("*.safetensors"))
    if not files:
        raise DataError(f"{weights}: no weights there; run `dvc repro pretrain@{weights.name}`")

    def load(file: Path) -> Found:
        state, metadata = checkpoint.load(file)
        about = check(metadata, file, row, clips.store.attrs["layout"])
        module = sense.build(about.encoder, about.options, about.layout, str(file))
        checkpoint.restore(module, state, file)
        kept = about.model_dump(include={"split", "seed", "training_classes", "encoder", "modality"})
        return Found(file.stem, encoder_of(module), file_digest(file), kept)

    return [partial(load, file) for file in files]


def _of_no_split(row: Row, weights: Path) -> list[Callable[[], Found]]:
    """The encoders of a start file or of a row of finetune, each loaded when it is called for."""
    member = members.load(f"pipeline.modalities.{row.modality}", row.encoder)
    if not isinstance(member, SplitlessMember):
        raise ParamsError(
            f"extract.rows: split_table: {row.encoder} is trained on a split; name the table of its splits"
        )
    if row.recipe != member.RECIPE:
        raise ParamsError(
            f"extract.rows: recipe: {row.encoder} sees pictures as the recipe '{member.RECIPE}' leaves them, "
            f"not '{row.recipe}'"
        )

    def load(seed: int | None) -> Found:
        module, about = member.frozen(weights, seed, row.options, "extract.rows: options")
        file = weights if seed is None else weights / f"{seed}.safetensors"
        kept: dict[str, Any] = {"training_classes": [] if seed is None else _named(about, row.dataset, file)}
        kept |= {} if seed is None else {"seed": seed}
        kept |= {"pretrained": about["pretrained"]} if about.get("pretrained") else {}
        kept |= {"encoder": row.encoder, "modality": row.modality, "options": row.options}
        name = "all" if seed is None else f"all-{seed}"
        return Found(name, encoder_of(module), about["weights_hash"], kept)

    seeds: Sequence[int | None] = member.seeds(weights) or [None]
    return [partial(load, seed) for seed in seeds]


def _named(about: dict[str, Any], dataset: str, file: Path) -> list[int]:
    """The classes of a dataset that the texts which weights were trained with name."""
    named = about.get("named_classes")
    found = named.get(dataset) if isinstance(named, dict) else None
    if not isinstance(found, list) or not all(isinstance(class_id, int) for class_id in found):
        raise LeakError(
            f"{file}: does not say which classes of '{dataset}' its training texts name; add '{dataset}' to the "
            "audited datasets of the row of finetune and train it again"
        )
    return sorted(set(found))


def _put(group: GroupWriter, encoder: Encoder, clips: Clips, boxes: list[Boxes], row: Row, batches: Batches) -> None:
    """Everything that a row asks of one encoder."""
    if row.tokens:
        encoding.put_with_tokens(group, encoder, clips, batches)
    else:
        group.put("pooled", encoding.encode(encoder, clips, batches))
    if row.masked is not None:
        axis = _axis(row.masked.part, row, encoder)
        group.put("masked", encoding.encode_masked(encoder, clips, row.masked, axis, batches))
    if row.regions:
        if not isinstance(encoder, PictureEncoder):
            raise ParamsError(f"extract.rows: regions: {row.encoder} keeps no map of places; set it to false")
        group.put_ragged("regions", encoding.encode_regions(encoder, clips, boxes, batches))
        prepared.put_boxes(group, boxes, clips.store.attrs[prepared.BOX_LABELS])


def check(metadata: dict[str, Any], file: Path, row: Row, layout: str) -> About:
    """What the weights of a file are; refuses those that the row does not mean, or that saw an unseen class."""
    try:
        about = About.model_validate(metadata)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise FormatError(f"{file}: metadata '{where}': {fault['msg']}; run `dvc repro pretrain`") from None
    if file.stem != f"{about.split}-{about.seed}":
        raise LeakError(
            f"{file}: holds the encoder of split '{about.split}', seed {about.seed}: another split's encoder has seen "
            "other classes; run `dvc repro pretrain`"
        )
    seen = sorted(set(about.training_classes) & set(about.unseen_classes))
    if seen:
        raise LeakError(f"{file}: trained on classes {seen}, which split '{about.split}' calls unseen")
    wanted = {**row.model_dump(exclude={"weights", "options", "tokens", "masked", "regions"}), "layout": layout}
    found = about.model_dump(include=set(wanted))
    if found != wanted:
        raise DataError(f"{file}: is of {found}, the row asks for {wanted}; mend extract.rows in params.yaml")
    return about


def _boxes(clips: Clips) -> list[Boxes]:
    if prepared.BOX_LABELS not in clips.store.attrs:
        raise ParamsError(
            f"extract.rows: regions: {clips.store.path} holds no boxes; set boxes to true in the row of preprocess"
        )
    return prepared.read_boxes(clips.store, prepared.GROUP)


def _axis(part: str, row: Row, encoder: Encoder) -> int:
    """The axis of the parts to hide."""
    parts = encoder.parts
    if part not in parts:
        raise ParamsError(f"extract.rows: masked: {row.encoder} knows no '{part}' to hide, only {sorted(parts)}")
    return parts[part]
