"""What semantic transfer leaves beside its page: scores, the grid as history.csv, and every program as JSON."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import scores, store
from pipeline.core.outputs import write_json
from pipeline.models.recognised import Recognised
from pipeline.reporting import transfer as report
from pipeline.transfer.params import TransferParams
from pipeline.transfer.prototypes import Choice

HISTORY = ("split", "seed", "setting", "num_right", "num_clips", "top1", "selected")


def write(
    folder: Path, found: Sequence[Recognised], asked: TransferParams, refit: str, about: Mapping[str, Any]
) -> None:
    """Write scores.zarr, history.csv and programs.json; `about` are the attributes of the store of scores."""
    with store.create(folder / scores.STORE, about) as writer:
        for one in found:
            for space in one.task.spaces:
                provenance = one.provenance(space, asked, refit)
                scores.write(writer, scores.Scores(provenance, one.task.tested(space)[0], one.values[space]))
    _write_history(folder / "history.csv", found)
    write_json(folder / "programs.json", [_programs(one) for one in found])


def _write_history(path: Path, found: Sequence[Recognised]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HISTORY)
        for one in found:
            for place, trial in enumerate(one.trials):
                name, figures = trial.setting.name, [trial.num_right, trial.num_clips, f"{trial.top1:.6f}"]
                lines.writerow([one.task.split, one.task.seed, name, *figures, int(place == one.selected)])


def _programs(one: Recognised) -> dict[str, Any]:
    """Every solved program of one (split, seed): its proof, and its pairs for the selected setting."""
    header = report.PROGRAM_HEADER[1:]
    spaces: dict[str, Any] = {}
    for space, scored in one.scored.items():
        choices = [at.choice for at in scored if at.choice]
        solved = [dict(zip(header, report.program_row("", choice)[1:], strict=True)) for choice in choices]
        spaces[space] = {"solved": solved, "pairs": _pairs(choices[one.selected]) if choices else []}
    return {"split": one.task.split, "seed": one.task.seed, "spaces": spaces}


def _pairs(choice: Choice) -> list[list[Any]]:
    """[unseen, seen, cosine, weight] of each chosen pair, by name."""
    pairs = zip(
        choice.unseen_P.tolist(),
        choice.seen_P.tolist(),
        choice.related_P.tolist(),
        choice.weight_P.tolist(),
        strict=True,
    )
    return [
        [choice.unseen.names[j], choice.seen.names[i], round(related, 6), round(weight, 6)]
        for j, i, related, weight in pairs
    ]
