"""The outputs of semantic transfer beside its page: scores, the grid as history.csv, and the programs as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import scores, store
from pipeline.core.outputs import write_csv, write_json
from pipeline.models.recognised import Recognised
from pipeline.reporting import transfer as report
from pipeline.transfer.params import TransferParams
from pipeline.transfer.prototypes import Choice

HISTORY = ("split", "seed", "setting", "num_right", "num_clips", "top1", "selected")


def write(
    folder: Path, recognised: Sequence[Recognised], params: TransferParams, refit: str, attrs: Mapping[str, Any]
) -> None:
    """Write scores.zarr, history.csv and programs.json; `attrs` are the attributes of the store of scores."""
    with store.create(folder / scores.STORE, attrs) as writer:
        for result in recognised:
            for space in result.task.spaces:
                provenance = result.provenance(space, params, refit)
                scores.write(writer, scores.Scores(provenance, result.task.tested(space)[0], result.values[space]))
    _write_history(folder / "history.csv", recognised)
    write_json(folder / "programs.json", [_programs(result) for result in recognised])


def _write_history(path: Path, recognised: Sequence[Recognised]) -> None:
    rows = [
        [
            *(result.task.split, result.task.seed, trial.setting.name),
            *(trial.num_right, trial.num_clips, f"{trial.top1:.6f}", int(place == result.selected)),
        ]
        for result in recognised
        for place, trial in enumerate(result.trials)
    ]
    write_csv(path, HISTORY, rows)


def _programs(recognised: Recognised) -> dict[str, Any]:
    """Every solved program of one (split, seed): its proof, and its pairs for the selected setting."""
    header = report.PROGRAM_HEADER[1:]
    spaces: dict[str, Any] = {}
    for space, scored in recognised.scored.items():
        choices = [setting.choice for setting in scored if setting.choice]
        solved = [dict(zip(header, report.program_row("", choice)[1:], strict=True)) for choice in choices]
        spaces[space] = {"solved": solved, "pairs": _pairs(choices[recognised.selected]) if choices else []}
    return {"split": recognised.task.split, "seed": recognised.task.seed, "spaces": spaces}


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
