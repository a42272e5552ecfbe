"""The page of a row of rest: its training curves, the classes left out of the source, and the cost of the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core import pages
from pipeline.core.outputs import write_csv
from pipeline.reporting import histories
from pipeline.reporting.formatting import rounded_distance
from pipeline.sources.taught import Taught

METRICS = ("loss", "accuracy", "word_accuracy", "cosine")
MAX_EXAMPLES = 5  # of rejected clips, for each dataset

_WATCHED = {
    "accuracy": "accuracy on held-out clips of the classes that are taught",
    "word_accuracy": "share of the hidden words of held-out clips that it finds",
    "cosine": "mean cosine of held-out clips with the text of their class",
}


@dataclass(frozen=True)
class SeedResult:
    """The training of one seed of a row."""

    seed: int
    source: str
    split: str
    clips: tuple[int, int]  # learnt from, held out
    encoded: Mapping[str, int]  # by dataset
    rejected: Mapping[str, Mapping[str, str]]  # by dataset the clips that could not be read, with the reason
    taught: Taught
    network: str
    watched: str
    warmup: Mapping[str, Any] | None  # epoch and history
    joint: Mapping[str, Any]
    pretrained: str | None
    macs: int  # of one clip
    parameters: int

    @property
    def merit(self) -> float:
        """The figure by which the epoch was chosen."""
        chosen: dict[str, float] = self.joint["history"][self.joint["epoch"] - 1]
        return chosen[f"held_out_{self.watched}"]


def write_history(path: Path, trainings: Sequence[SeedResult]) -> None:
    """Write one row for each epoch of each training; cells without a measurement are empty."""
    columns = [*METRICS, *(f"held_out_{name}" for name in METRICS)]
    rows = [
        [of_seed.seed, name, int(epoch["epoch"]), *(f"{epoch[key]:.6f}" if key in epoch else "" for key in columns)]
        for of_seed in trainings
        for name, training in (("warm-up", of_seed.warmup), ("joint", of_seed.joint))
        for epoch in ([] if training is None else training["history"])
    ]
    write_csv(path, ["seed", "training", "epoch", *columns], rows)


def page(key: str, trainings: Sequence[SeedResult], images: Sequence[pages.Image]) -> pages.Page:
    """The page of a row with its seeds in order; the files of `images` are beside it already."""
    first = trainings[0]
    joint = [(f"seed {training.seed}", training.joint["history"]) for training in trainings]
    kept = [training.joint["epoch"] for training in trainings]
    warmup = [
        (f"seed {training.seed}", training.warmup["history"]) for training in trainings if training.warmup is not None
    ]
    guess = 1 / len(first.taught.names)
    charts = [
        histories.lines("Loss on the clips learnt from", "loss", "loss", joint, chosen=kept),
        histories.lines(
            _WATCHED[first.watched].capitalize(),
            "share",
            f"held_out_{first.watched}",
            joint,
            chosen=kept,
            chance=guess if first.watched == "accuracy" else None,
        ),
    ]
    if warmup:
        title = "Warm-up of the frame encoder: accuracy on held-out clips"
        kept = [training.warmup["epoch"] for training in trainings if training.warmup is not None]
        charts.append(histories.lines(title, "accuracy", "held_out_accuracy", warmup, chosen=kept, chance=guess))
    return pages.Page(
        title=f"Cross-modal transformer: {key}",
        stage="rest",
        row=key,
        text=_text(first),
        tables=[_networks(trainings), _encoded(first), *_overlaps(trainings)],
        lines=charts,
        images=list(images),
    )


def _text(training: SeedResult) -> list[str]:
    targets = [dataset for dataset in training.encoded if dataset != training.source]
    start = "drawn at random" if training.pretrained is None else f"those of {training.pretrained}"
    text = (
        f"Trained on {len(training.taught.names)} classes of {training.source} (split {training.split}); its first "
        f"weights were {start}. The epoch with the best {_WATCHED[training.watched]} is kept. "
        + (f"The clips of {', '.join(targets)} are encoded afterwards; nothing is learnt from them." if targets else "")
    )
    return [text.strip(), *([_of_overlaps(training.taught)] if targets else [])]


def _of_overlaps(taught: Taught) -> str:
    left_out, kept_names = (
        sorted(overlap.source for overlap in overlaps) for overlaps in (taught.removed, taught.kept_overlap)
    )
    text = (
        f"Left out of training, for they are a target's: {len(left_out)} ({'; '.join(left_out)}). " if left_out else ""
    )
    if kept_names:
        return (
            f"{text}Classes of the source that are a target's and are taught all the same: {len(kept_names)} "
            f"({'; '.join(kept_names)}). Figures on those classes are not zero-shot."
        )
    return f"{text}No class that is taught is a target's by its name, its words or the distance of its text."


def _networks(trainings: Sequence[SeedResult]) -> pages.Table:
    header = ["seed", "network", "parameters", "GMACs a clip", "clips", "held out", "epochs", "best epoch", "merit"]
    rows: list[list[pages.Cell]] = [
        [
            training.seed,
            training.network,
            training.parameters,
            round(training.macs / 1e9, 4),
            *training.clips,
            len(training.joint["history"]),
            training.joint["epoch"],
            round(training.merit, 4),
        ]
        for training in trainings
    ]
    return pages.Table(title=f"Networks; merit is {_WATCHED[trainings[0].watched]}", header=header, rows=rows)


def _encoded(training: SeedResult) -> pages.Table:
    rows: list[list[pages.Cell]] = []
    for dataset, count in training.encoded.items():
        reasons = training.rejected[dataset]
        examples = "; ".join(f"{clip_id}: {reasons[clip_id]}" for clip_id in sorted(reasons)[:MAX_EXAMPLES])
        rows.append([dataset, "source" if dataset == training.source else "target", count, len(reasons), examples])
    header = ["dataset", "as", "clips encoded", "clips left out", "for example"]
    return pages.Table(title="Clips", header=header, rows=rows)


def _overlaps(trainings: Sequence[SeedResult]) -> list[pages.Table]:
    """One line for each class with its seeds, which differ only if the row of embed has seeds."""
    seeds: dict[tuple[pages.Cell, ...], list[str]] = {}
    for training in trainings:
        for verdict, overlaps in (("left out", training.taught.removed), ("kept", training.taught.kept_overlap)):
            for overlap in overlaps:
                distance = rounded_distance(overlap)
                line = (verdict, overlap.source, overlap.target, overlap.dataset, overlap.how, distance)
                seeds.setdefault(line, []).append(str(training.seed))
    header = [
        "in training",
        "class of the source",
        "class of the target",
        "target",
        "told by",
        "cosine distance",
        "seeds",
    ]
    rows: list[list[pages.Cell]] = [[*line, ", ".join(of_seeds)] for line, of_seeds in seeds.items()]
    return [pages.Table(title="Classes of the source that are a target's", header=header, rows=rows)] if rows else []
