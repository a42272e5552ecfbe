"""The page of a row of rest: how it learnt, which classes were left out of the source, and what the network costs."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core import pages
from pipeline.core.outputs import whole
from pipeline.labels.overlap import Overlap
from pipeline.reporting import histories
from pipeline.sources.taught import Taught

METRICS = ("loss", "accuracy", "word_accuracy", "cosine")
MAX_EXAMPLES = 5  # of clips that could not be looked at, for each dataset

_WATCHED = {
    "accuracy": "accuracy on held-out clips of the classes that are taught",
    "word_accuracy": "share of the hidden words of held-out clips that it finds",
    "cosine": "mean cosine of held-out clips with the text of their class",
}


@dataclass(frozen=True)
class Told:
    """One seed of a row."""

    seed: int
    source: str
    split: str
    clips: tuple[int, int]  # learnt from, held out
    encoded: Mapping[str, int]  # by dataset
    rejected: Mapping[str, Mapping[str, str]]  # by dataset the clips that could not be looked at, with the reason
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
        """By which the epoch was chosen."""
        kept: dict[str, float] = self.joint["history"][self.joint["epoch"] - 1]
        return kept[f"held_out_{self.watched}"]


def write_history(path: Path, told: Sequence[Told]) -> None:
    """A row an epoch of each training; what a training does not measure is empty."""
    columns = [*METRICS, *(f"held_out_{name}" for name in METRICS)]
    with whole(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", "training", "epoch", *columns])
        for each in told:
            for training, about in (("warm-up", each.warmup), ("joint", each.joint)):
                for row in [] if about is None else about["history"]:
                    numbers = [f"{row[name]:.6f}" if name in row else "" for name in columns]
                    writer.writerow([each.seed, training, int(row["epoch"]), *numbers])


def page(key: str, told: Sequence[Told], images: Sequence[pages.Image]) -> pages.Page:
    """The page of a row, its seeds in order; `images` stand beside it already."""
    first = told[0]
    joint = [(f"seed {each.seed}", each.joint["history"]) for each in told]
    warmup = [(f"seed {each.seed}", each.warmup["history"]) for each in told if each.warmup is not None]
    charts = [
        histories.lines("Loss on the clips learnt from", "loss", "loss", joint),
        histories.lines(_WATCHED[first.watched].capitalize(), "share", f"held_out_{first.watched}", joint),
    ]
    if warmup:
        title = "Warm-up of the frame encoder: accuracy on held-out clips"
        charts.append(histories.lines(title, "accuracy", "held_out_accuracy", warmup))
    return pages.Page(
        title=f"Cross-modal transformer: {key}",
        stage="rest",
        row=key,
        text=_text(first),
        tables=[_networks(told), _encoded(first), *_overlaps(told)],
        lines=charts,
        images=list(images),
    )


def _text(told: Told) -> list[str]:
    targets = [dataset for dataset in told.encoded if dataset != told.source]
    began = "drawn at random" if told.pretrained is None else f"those of {told.pretrained}"
    what = (
        f"Trained on {len(told.taught.names)} classes of {told.source} (split {told.split}); its first weights were "
        f"{began}. The epoch with the best {_WATCHED[told.watched]} is kept. "
        + (f"The clips of {', '.join(targets)} are encoded afterwards; nothing is learnt from them." if targets else "")
    )
    return [what.strip(), *([_of_overlaps(told.taught)] if targets else [])]


def _of_overlaps(taught: Taught) -> str:
    left_out, kept = (sorted(each.source for each in found) for found in (taught.removed, taught.kept_overlap))
    told = (
        f"Left out of training, for they are a target's: {len(left_out)} ({'; '.join(left_out)}). " if left_out else ""
    )
    if kept:
        return (
            f"{told}Classes of the source that are a target's and are taught all the same: {len(kept)} "
            f"({'; '.join(kept)}). Figures on those classes are not zero-shot."
        )
    return f"{told}No class that is taught is a target's by its name, its words or the distance of its text."


def _networks(told: Sequence[Told]) -> pages.Table:
    header = ["seed", "network", "parameters", "GMACs a clip", "clips", "held out", "epochs", "best epoch", "merit"]
    rows: list[list[pages.Cell]] = [
        [
            each.seed,
            each.network,
            each.parameters,
            round(each.macs / 1e9, 4),
            *each.clips,
            len(each.joint["history"]),
            each.joint["epoch"],
            round(each.merit, 4),
        ]
        for each in told
    ]
    return pages.Table(title=f"Networks; merit is {_WATCHED[told[0].watched]}", header=header, rows=rows)


def _encoded(told: Told) -> pages.Table:
    rows: list[list[pages.Cell]] = []
    for dataset, count in told.encoded.items():
        reasons = told.rejected[dataset]
        examples = "; ".join(f"{clip_id}: {reasons[clip_id]}" for clip_id in sorted(reasons)[:MAX_EXAMPLES])
        rows.append([dataset, "source" if dataset == told.source else "target", count, len(reasons), examples])
    header = ["dataset", "as", "clips encoded", "clips left out", "for example"]
    return pages.Table(title="Clips", header=header, rows=rows)


def _overlaps(told: Sequence[Told]) -> list[pages.Table]:
    """A line a class, with the seeds it is told of: their texts differ only where rows of embed have seeds."""
    seeds: dict[tuple[pages.Cell, ...], list[str]] = {}
    for one in told:
        for verdict, found in (("left out", one.taught.removed), ("kept", one.taught.kept_overlap)):
            for each in found:
                line = (verdict, each.source, each.target, each.dataset, each.how, _distance(each))
                seeds.setdefault(line, []).append(str(one.seed))
    header = [
        "in training",
        "class of the source",
        "class of the target",
        "target",
        "told by",
        "cosine distance",
        "seeds",
    ]
    rows: list[list[pages.Cell]] = [[*line, ", ".join(of)] for line, of in seeds.items()]
    return [pages.Table(title="Classes of the source that are a target's", header=header, rows=rows)] if rows else []


def _distance(overlap: Overlap) -> float | None:
    return None if overlap.distance is None else round(overlap.distance, 4)
