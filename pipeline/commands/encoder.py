"""encoder: released weights of others -> weights of this project that declare what they were trained on.

Several files are the streams of one encoder. The weights go into a folder that a row of extract names. Weights trained
on all classes of a dataset are `all-<seed>`: every zero-shot split of that dataset refuses them, and other datasets can
use them if they share no class. Weights trained on the seen classes of a split are `<split>-<seed>`. A file does not
say its classes and split, so the user declares them; the clips of the training stay unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.core import members, params, tables
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.core.schemas import SPLIT
from pipeline.datasets import shared
from pipeline.modalities import skeleton
from pipeline.modalities.skeleton._released import Released, ReleasedMember, load
from pipeline.models import checkpoint, foreign_weights
from pipeline.training.frozen import ALL

MODALITY = "skeleton"
_ENCODERS = "pipeline.modalities.skeleton"
_STREAMS = "streams"
_OF_FOLDER = ("dataset", "split_table", "modality", "recipe", "encoder", "options", "layout")  # alike in a row


@dataclass(frozen=True)
class ImportRequest:
    """What the user declares about the files; None: as in the release."""

    arch: str
    streams: Sequence[str]  # what the network of each file sees, as modalities/skeleton/streams.py calls it
    dataset: str  # whose classes the weights were trained to tell apart
    layout: str
    recipe: str | None
    options: Sequence[str]  # of the encoder, each <key>=<value>
    split_table: Path | None  # data/split/<dataset>-<table>.parquet
    split: str | None  # None: trained on all classes
    seed: int


@dataclass(frozen=True)
class Imported:
    """What was written."""

    file: Path
    meta: dict[str, Any]

    @property
    def row(self) -> str:
        """A row of extract in params.yaml that takes the encoder."""
        named = {name: self.meta[name] for name in ("dataset", "split_table", "modality", "recipe", "encoder")}
        rest = {"options": {}, "tokens": False, "masked": None, "regions": False}
        value = {**named, "weights": self.file.parent.as_posix(), **rest}
        key = f"{self.meta['dataset']}-{self.meta['modality']}-{self.meta['encoder']}-released"
        return f"{key}: {yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1 << 20).strip()}"


@dataclass(frozen=True)
class _Taught:
    """What the weights were trained on, as the user declares."""

    split: str
    split_table: str | None
    names: Mapping[int, str]  # of all classes of the dataset
    classes: list[int]
    unseen: list[int]


def take(files: Sequence[Path], request: ImportRequest, out: Path) -> Imported:
    """Write the weights of files into a folder. Raises UnseenError where they do not fit, or exist already.

    Every weight must fit the architecture by name and shape; a classifier in a file must fit the number of classes.
    """
    known = architectures()
    if request.arch not in known:
        raise ParamsError(
            f"--arch: no released weights of '{request.arch}' can be read; those of {', '.join(known)} can"
        )
    if len(files) != len(request.streams):
        raise ParamsError(f"--stream: expected one for each of the {len(files)} files, found {len(request.streams)}")
    released = known[request.arch]
    taught = _taught(request)
    target = out / f"{taught.split}-{request.seed}.safetensors"
    encoder, options = _encoder(request, released)
    network = (MODALITY, _recipe(request, released), encoder, options, request.layout)
    alike = dict(zip(_OF_FOLDER, (request.dataset, taught.split_table, *network), strict=True))
    _check_free(target, alike)
    module: Any = skeleton.build(encoder, options, request.layout, "--options")
    networks = module.networks.values() if encoder == _STREAMS else [module]
    num_classes_of = [load(network, file, released) for network, file in zip(networks, files, strict=True)]
    for num_classes, file in zip(num_classes_of, files, strict=True):
        _check_classes(num_classes, taught, file)
    digests = [foreign_weights.digest(file, "weights") for file in files]
    meta = alike | _seen(taught, request.seed)
    meta["released"] = {"sha256": digests, "source": released.source, "num_classes": num_classes_of}
    checkpoint.save(target, module, meta)
    return Imported(target, meta)


def _recipe(request: ImportRequest, released: Released) -> str:
    recipe, recipes = request.recipe or released.recipe, members.names(f"{_ENCODERS}.recipes")
    if recipe not in recipes:
        raise ParamsError(f"--recipe: expected what leaves clips as the weights know them, one of {recipes}")
    return recipe


def _encoder(request: ImportRequest, released: Released) -> tuple[str, dict[str, Any]]:
    """The encoder's name and options: of joints alone the network itself, else its streams."""
    options = {**released.options, **_options(request.options)}
    params.parse(members.load(_ENCODERS, request.arch).Params, options, "--options", Path(request.arch))
    if list(request.streams) == ["joint"]:
        return request.arch, options
    streams = {"encoder": request.arch, "options": options, "streams": list(request.streams)}
    params.parse(members.load(_ENCODERS, _STREAMS).Params, streams, "--stream", Path(_STREAMS))
    return _STREAMS, streams


def _options(options: Sequence[str]) -> dict[str, Any]:
    """Options by name; values are read as those of params.yaml."""
    parsed = {}
    for option in options:
        key, equals, value = option.partition("=")
        try:
            parsed[key.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            equals = ""
        if not key.strip() or not equals:
            raise ParamsError(f"--options: expected <key>=<value> such as plan=reduced, found '{option}'")
    return parsed


def _taught(request: ImportRequest) -> _Taught:
    known = members.names("pipeline.datasets")
    if request.dataset not in known:
        raise ParamsError(f"--classes: no dataset '{request.dataset}': the datasets are {', '.join(known)}")
    if (request.split is None) != (request.split_table is None):
        raise ParamsError("--split and --split-table go together: a split of data/split/<classes>-<table>.parquet")
    if request.split is not None and request.split_table is not None:
        return _of_split(request.dataset, request.split_table, request.split)
    if not shared.class_file(request.dataset).is_file():
        raise ParamsError(
            f"--classes: '{request.dataset}' ships no class list; name a split, whose table holds the names"
        )
    names = {action.class_id: action.name for action in shared.classes(request.dataset)}
    return _Taught(ALL, None, names, sorted(names), [])


def _of_split(dataset: str, file: Path, split: str) -> _Taught:
    meta = tables.read_meta(file, SPLIT)
    if meta["dataset"] != dataset:
        raise DataError(f"{file}: splits of '{meta['dataset']}', not of '{dataset}'; mend --classes or --split-table")
    if split not in meta["splits"]:
        raise DataError(f"{file}: no split '{split}', found {sorted(meta['splits'])}; mend --split")
    parts = meta["splits"][split]
    seen = sorted({*parts["fit"], *parts["val"]})
    return _Taught(split, meta["split_table"], dict(enumerate(meta["class_names"])), seen, sorted(parts["unseen"]))


def _check_free(target: Path, alike: Mapping[str, Any]) -> None:
    """Refuse to overwrite weights, and to put weights of two rows into one folder."""
    if target.exists():
        raise DataError(f"{target}: there already; give another --out or --seed, or remove it")
    for other in sorted(target.parent.glob("*.safetensors")):
        meta = checkpoint.load(other)[1]
        unlike = [name for name, value in alike.items() if meta.get(name) != value]
        if unlike:
            differences = ", ".join(f"{name} {meta.get(name)}, not {alike[name]}" for name in unlike)
            raise DataError(f"{other}: is of {differences}; a row takes one kind: give another --out")


def _check_classes(num_classes: int | None, taught: _Taught, file: Path) -> None:
    """A classifier must have as many outputs as the dataset has classes, or as the split has seen classes."""
    wanted = sorted({len(taught.names), len(taught.classes)})
    if num_classes is not None and num_classes not in wanted:
        declared = " or ".join(map(str, wanted))
        raise FormatError(f"{file}: its classifier knows {num_classes} classes, expected {declared}; mend --classes")


def _seen(taught: _Taught, seed: int) -> dict[str, Any]:
    """The metadata that pretrain writes of its own weights."""
    return {
        "classes": "seen",
        "augment": None,
        "text": None,
        "split": taught.split,
        "seed": seed,
        "training_classes": taught.classes,
        "training_names": [taught.names[class_id] for class_id in taught.classes],
        "unseen_classes": taught.unseen,
        "training_clips": UNKNOWN_CLIPS,
        "num_training_clips": None,
        "num_held_out_clips": None,
        "epoch": None,
        "history": [],
        "adopted": True,
    }


def architectures() -> dict[str, Released]:
    """The weights that can be imported, by the name of their encoder."""
    encoders = {name: members.load(_ENCODERS, name) for name in members.names(_ENCODERS)}
    return {name: member.RELEASED for name, member in encoders.items() if isinstance(member, ReleasedMember)}


def listed() -> list[str]:
    """A line for each architecture: its name, the source of its weight names, and whether a released file was tried."""
    known = architectures()
    width = max(map(len, known))
    tried = {True: "tried on a released file", False: "not tried on a released file"}
    return [f"{name:{width}}  {released.source}; {tried[released.tried]}" for name, released in known.items()]
