"""The page of all trained encoders: their cost, their held-out accuracy, and the accuracy of methods on their vectors.

It combines the pages of pretrain, the figures of evaluate, and the params that link rows. Speeds are not measured by
the run: they were recorded once on a named machine and are shipped in encoder_speeds.csv.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pipeline.core import pages
from pipeline.core.errors import FormatError
from pipeline.evaluation.leakage import FLAGS
from pipeline.formats.rows import read_csv
from pipeline.reporting import pretrain, views
from pipeline.reporting.evidence import Evidence, StagePage
from pipeline.reporting.formatting import percent, span
from pipeline.reporting.views import Line, Panel

STAGE, NAME = "encoders", "all"
SPEED_HEADER = ("encoder", "options", "clips_per_second", "training_clips_per_second", "machine", "command")
_SPEEDS = Path(__file__).parent / "encoder_speeds.csv"
_SPACE = "unseen"
_NONE = "–"
_HEADER = ["row", "encoder", "taught classes", "weights", "MACs a clip", pretrain.ACCURACY, "trainings"]
_HEADER += ["clips a second", "clips a second in training"]
_ABOUT_COST = (
    "What each trained encoder costs, and how well it tells its own training classes apart on clips held out of them, "
    "in the mean of its trainings. Taught are the fit classes of a split, or all seen ones, the val classes among them."
)
_ABOUT_ACCURACY = (
    "Zero-shot accuracy, in per cent, stands in a table for each question, of methods that answer from the vectors of "
    "an encoder; an oracle's choices are left out. In brackets the 95 % interval and what it is over: splits (knowing "
    "what these share, where that can be known), seeds of a single split, or cells of subject and class of it. Figures "
    "over unlike splits are not to be compared; the index says of pairs whether a difference is noise."
)


@dataclass(frozen=True)
class Speed:
    """The recorded speeds of an encoder with some of its options, in clips a second."""

    encoder: str
    options: dict[str, Any]  # that tell this network from others of the encoder
    inference: float
    training: float
    machine: str
    command: str

    def is_of(self, encoder: str, options: dict[str, Any]) -> bool:
        """Whether the speeds were recorded with such a network."""
        return self.encoder == encoder and self.options.items() <= options.items()


@cache
def speeds() -> tuple[Speed, ...]:
    """All recorded speeds."""
    return tuple(_speed(line) for line in read_csv(_SPEEDS, SPEED_HEADER, "speeds of encoders"))


def draw(evidence: Evidence) -> list[StagePage]:
    """The page as a list, empty if no encoder was trained."""
    trained = [shown for shown in evidence.shown if shown.stage == "pretrain" and _table(shown, pretrain.NETWORK)]
    if not trained:
        return []
    params = yaml.safe_load(evidence.params_text)
    names = [shown.row for shown in trained]
    networks = [_network(shown) for shown in trained]
    measurements = list(
        dict.fromkeys(f"{speed.machine} ({speed.command})" for _, speed in networks if speed is not None)
    )
    page = pages.Page(
        title="Encoders side by side",
        stage=STAGE,
        row=NAME,
        text=[
            f"{_ABOUT_COST} {pretrain.COUNTED}",
            _about_speed(measurements),
            _ABOUT_ACCURACY,
        ],
        tables=[
            pages.Table(title="Cost", header=_HEADER, rows=[row for row, _ in networks]),
            *_accuracies(evidence, params, names),
        ],
        lines=[],
        images=[],
    )
    return [StagePage(STAGE, NAME, page, [])]


def source(params: Any, evaluated: str) -> str | None:
    """The row of pretrain, else of extract, whose vectors a row of evaluate scores.

    None for methods without one: those that read clips themselves, and bound senses.
    """
    scores = _row(params, "evaluate", evaluated).get("scores", "")
    stage, _, name = scores.partition("/")
    stage, _, store = str(_row(params, stage, name).get("features", "")).partition("/")
    if stage != "extract":
        return None
    encoded = PurePosixPath(store).stem
    weights = PurePosixPath(_row(params, "extract", encoded).get("weights", ""))
    return weights.name if weights.parent.name == "pretrain" else encoded


def _row(params: Any, stage: str, name: str) -> dict[str, Any]:
    row = ((params.get(stage) or {}).get("rows") or {}).get(name)
    return row if isinstance(row, dict) else {}


def _table(shown: StagePage, title: str) -> pages.Table | None:
    return next((table for table in shown.page.tables if table.title == title), None)


def _network(shown: StagePage) -> tuple[list[pages.Cell], Speed | None]:
    """A line of the table of costs, and the recorded speed in it."""
    network, trainings = _table(shown, pretrain.NETWORK), _table(shown, pretrain.TRAININGS)
    if network is None or trainings is None or network.header != pretrain.NETWORK_HEADER:
        raise FormatError(f"pretrain/{shown.row}: its page tells no cost; run `dvc repro pretrain`")
    cells = network.rows[0]
    place = trainings.header.index(pretrain.ACCURACY)
    shares = [float(row[place] or 0) for row in trainings.rows]
    options = json.loads(str(cells[3]))
    speed = next((recorded for recorded in speeds() if recorded.is_of(str(cells[2]), options)), None)
    listed = ", ".join(f"{name} {_plain(value)}" for name, value in options.items())
    encoder = f"{cells[1]}, {cells[2]}: {listed}" if listed else f"{cells[1]}, {cells[2]}"
    rates = [_NONE, _NONE] if speed is None else [f"{speed.inference:.3g}", f"{speed.training:.3g}"]
    line = [shown.row, encoder, cells[4], f"{cells[5]:,}", f"{cells[6]:,}"]
    return [*line, round(sum(shares) / len(shares), 4), len(shares), *rates], speed


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _about_speed(recorded: Sequence[str]) -> str:
    what = "Clips a second of 50 frames, 25 joints and one body, as recorded once and not in this run"
    return f"{what}: {'; '.join(recorded)}." if recorded else f"{what}: none of these encoders has been recorded."


def _accuracies(evidence: Evidence, params: Any, trained: Sequence[str]) -> list[pages.Table]:
    """One table for each question, with methods as rows and encoders as columns; oracles are left out."""
    tables = []
    for panel in views.panels(evidence.results):
        lines = [line for line in panel.lines if panel.space == _SPACE and not line.leaky]
        by_method: dict[str, dict[str, list[str]]] = {}
        for line in lines:
            encoder = source(params, line.result)
            if encoder is not None:
                by_method.setdefault(_method(line), {}).setdefault(encoder, []).append(_figure(line))
        named = {encoder for cells in by_method.values() for encoder in cells}
        columns = [*(name for name in trained if name in named), *sorted(named - set(trained))]
        rows: list[list[pages.Cell]] = [
            [name, *(" / ".join(cells.get(column, [_NONE])) for column in columns)] for name, cells in by_method.items()
        ]
        if rows:
            tables.append(pages.Table(title=_question(panel), header=["method", *columns], rows=rows))
    return tables


def _question(panel: Panel) -> str:
    protocol = f", protocol {panel.protocol}" if panel.protocol else ""
    return (
        f"Top-1 among {panel.num_classes} unseen classes of {panel.dataset}, split table {panel.split_table}"
        f"{protocol}, chance {percent(panel.chance)} %"
    )


def _method(line: Line) -> str:
    first = line.rows[0]
    words = [line.method, first["variant"], first["embeddings"], first["inference"], f"refit {first['refit']}"]
    return ", ".join([*words, *(FLAGS[leak] for leak in line.leaks)])


def _figure(line: Line) -> str:
    """Per cents with an interval (over splits the corrected one) and what the interval is over."""
    ci95, num_seeds = line.ci95_corrected or line.ci95, len({row["seed"] for row in line.rows})
    over = {"splits": f"{line.num_splits} splits", "seeds": f"{num_seeds} seeds", "cells": "1 split", "exact": "exact"}[
        line.over
    ]
    return f"{percent(line.value)} ({f'{span(ci95)}, ' if ci95 else ''}{over})"


def _speed(line: dict[str, str]) -> Speed:
    rates = float(line["clips_per_second"]), float(line["training_clips_per_second"])
    return Speed(line["encoder"], json.loads(line["options"]), *rates, line["machine"], line["command"])
