"""The page of a transfer row: the seen classes that make up each unseen class, and the answers for the clips.

Shapes: U unseen classes, N clips, F size of a feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from pipeline.core.pages import Cell, Cloud, Graph, Heat, Page, Table
from pipeline.core.params import Params
from pipeline.evaluation import hubness
from pipeline.models.recognised import Recognised
from pipeline.reporting import transfer_figures as figures
from pipeline.transfer.explain import Explanation, RemovedCandidate, explanations, shared_classes
from pipeline.transfer.params import TransferParams
from pipeline.transfer.prototypes import Choice
from pipeline.transfer.relatedness import Floats, relatedness, unit_rows

_SELECTED = {
    "val": "{what} the best on the clips of the val classes, which stand in for unseen ones.",
    "folds": "{what} the best over folds of the seen classes that take turns as unseen, as the paper does. The encoder "
    "has learnt from clips of fit classes, or of all of them: top-1 of pseudo-unseen clips is too high.",
}

_HUBNESS = (
    "Hubness: a prototype that is the nearest of far more clips than the others is a hub, and takes clips that belong "
    "to them. The skewness of these counts is near 0 where all prototypes are predicted about equally often; the "
    "higher it is, the fewer of them take most of the clips."
)


class PageParams(Params):
    """Section `transfer.page`: how much the page of a row shows."""

    num_clips: int = Field(ge=4)  # at most so many test clips on the map
    num_graphs: int = Field(ge=0)  # at most so many unseen classes with a graph of their own


@dataclass(frozen=True)
class RowFacts:
    """The facts of a row that its page repeats."""

    key: str
    text_type: str
    embeddings: str
    inference: str
    constraints: str
    cap: str
    selection: str
    has_pairs: bool  # side constraints


def facts(key: str, params: TransferParams, embeddings: str) -> RowFacts:
    """The facts from a row's params; `embeddings` is the row of embed whose texts relate the classes."""
    return RowFacts(
        key=key,
        text_type=params.text_type,
        embeddings=embeddings,
        inference=params.inference,
        constraints=params.constraints,
        cap=params.cap,
        selection=params.selection,
        has_pairs=params.extra is not None,
    )


@dataclass(frozen=True)
class Map:
    """The contents of the map of one target set; clips and prototypes are unit rows."""

    clips_NF: Floats
    nearest_N: Sequence[int]  # the prototype each clip is nearest to
    prototypes_UF: Floats


@dataclass(frozen=True)
class Figures:
    """The figures of one target set."""

    clouds: list[Cloud]
    heats: list[Heat]
    graphs: list[Graph]


def page(row: RowFacts, shown: PageParams, recognised: Sequence[Recognised]) -> Page:
    """The page of a row."""
    first = recognised[0]
    tables = [_selection_table(recognised), _hubness_table(recognised)]
    drawn = Figures([], [], [])
    chosen = first.scored[first.first][first.selected]
    if chosen.choice and chosen.prototypes_UF is not None:
        tables = [*explained(first.task.name, chosen.choice), _program_table(recognised), *tables]
        clips_NF, nearest_N = _sample(first, shown.num_clips)
        drawn = figures_of(chosen.choice, Map(clips_NF, nearest_N, chosen.prototypes_UF), num_graphs=shown.num_graphs)
    return Page(
        title=f"Semantic transfer: {row.key}",
        stage="transfer",
        row=row.key,
        text=[*_text(row, first), _HUBNESS],
        tables=tables,
        lines=[],
        clouds=drawn.clouds,
        heats=drawn.heats,
        graphs=drawn.graphs,
        images=[],
    )


def _text(row: RowFacts, first: Recognised) -> list[str]:
    where = f"target split {first.first}" if first.task.tests else f"label space {first.first}"
    opened = "No label of a test clip was opened: accuracies stand on the evaluation pages."
    related = f"Classes are related by their {row.text_type} texts ({row.embeddings})."
    if row.inference == "seen_label_then_text":
        method = (
            "Inference: seen_label_then_text. A clip gets the class whose text is nearest to that of the seen class it "
            "looks most like."
        )
        return [f"{method} {related}", f"Nothing is composed, and nothing chosen. {opened}"]
    if row.inference == "reverse_transfer":
        method = (
            "Inference: reverse_transfer. A clip gets the class whose text is nearest to a text that is composed for "
            "the clip, of those of the K seen classes it looks most like. No program is solved, so no constraint holds."
        )
        return [f"{method} {related}", _SELECTED[row.selection].format(what="K is"), opened]
    method = (
        f"Inference: {row.inference}. Constraints: {row.constraints}, cap on {row.cap}. {related} "
        "The program is solved anew for each split and label space."
    )
    scope = f"Figures and explanations are of {first.task.name}, {where}; programs.json holds every program. {opened}"
    pairs = (
        ["Pairs of the side constraints apply where the first class is unseen and the second seen."]
        if row.has_pairs
        else []
    )
    return [method, _SELECTED[row.selection].format(what="K, rho and theta are"), scope, *pairs]


def _sample(recognised: Recognised, num_clips: int) -> tuple[Floats, list[int]]:
    """Test clips spread evenly over the sorted ids (unit rows), and the nearest prototype of each."""
    ids, vectors_ND = recognised.task.tested(recognised.first)
    places = np.unique(np.linspace(0, len(ids) - 1, num_clips).round().astype(np.int64))
    clips_NF = unit_rows(vectors_ND[places], [ids[place] for place in places], "clip")
    nearest_N = recognised.values[recognised.first][places, recognised.selected].argmax(axis=1)
    return clips_NF, nearest_N.tolist()


def _selection_table(recognised: Sequence[Recognised]) -> Table:
    rows: list[list[Cell]] = []
    for result in recognised:
        trial = result.trials[result.selected]
        rows.append([result.task.name, trial.setting.name, len(result.trials), round(trial.top1, 4), trial.num_clips])
    header = ["split and seed", "chosen setting", "settings tried", "top-1 of pseudo-unseen clips", "their number"]
    return Table(title="Selection", header=header, rows=rows)


def _program_table(recognised: Sequence[Recognised]) -> Table:
    rows = [
        program_row(f"{result.task.name}, {space}", choice)
        for result in recognised
        for space, scored in result.scored.items()
        if (choice := scored[result.selected].choice)
    ]
    return Table(title="Programs", header=PROGRAM_HEADER, rows=rows)


def _hubness_table(recognised: Sequence[Recognised]) -> Table:
    rows: list[list[Cell]] = []
    for result in recognised:
        counts = hubness.occurrences(result.values[result.first][:, result.selected])
        values = [hubness.skewness(counts), hubness.skewness_printed(counts), hubness.never_predicted(counts)]
        rows.append([result.task.name, *(round(value, 4) for value in values)])
    header = ["split and seed", "skewness", "skewness as printed (eq. 10)", "prototypes never predicted"]
    return Table(title="Hubness of the unseen prototypes", header=header, rows=rows)


def explained(name: str, choice: Choice) -> list[Table]:
    """Tables of one target set: the chosen pairs, those that each constraint removed, and competing classes."""
    unseen, seen = choice.unseen.names, choice.seen.names
    explained_classes = explanations(choice)
    chosen: list[list[Cell]] = [
        [unseen[explanation.unseen], seen[pick.seen], round(pick.related, 4), round(pick.weight, 4), _note(explanation)]
        for explanation in explained_classes
        for pick in explanation.chosen
    ]
    lost: list[list[Cell]] = [
        [
            unseen[explanation.unseen],
            explanation.too_far,
            "; ".join(_rivalled(loss, unseen, seen) for loss in explanation.not_distinct),
            "; ".join(f"{seen[loss.seen]} ({loss.related:.2f})" for loss in explanation.over_cap),
        ]
        for explanation in explained_classes
    ]
    rivals: list[list[Cell]] = [
        [seen[i], ", ".join(unseen[j] for j in users)] for i, users in shared_classes(choice).items()
    ]
    where = f", {name}"
    return [
        Table(
            title=f"What each unseen class is made of{where}",
            header=["unseen class", "seen class", "cosine", "weight", "note"],
            rows=chosen,
        ),
        Table(
            title=f"What the constraints removed{where}",
            header=["unseen class", "I: not among the nearest", "II: nearer to another", "III: beyond the cap"],
            rows=lost,
        ),
        Table(
            title=f"Seen classes that several prototypes share{where}",
            header=["seen class", "unseen classes that compete for it"],
            rows=rivals,
        ),
    ]


def figures_of(choice: Choice, shown: Map, *, num_graphs: int) -> Figures:
    """The figures of one target set, with graphs of `num_graphs` classes."""
    unseen, seen = choice.unseen.names, choice.seen.names
    related_US = relatedness(choice.unseen.text_CD, choice.seen.text_CD)
    chosen_US = np.zeros(related_US.shape, dtype=np.int8)
    chosen_US[choice.unseen_P, choice.seen_P] = 1
    return Figures(
        clouds=[figures.clip_map(shown.clips_NF, shown.nearest_N, shown.prototypes_UF, unseen)],
        heats=[figures.relatedness(related_US, unseen, seen), figures.adjacency(chosen_US, unseen, seen)],
        graphs=[figures.class_graph(one, unseen, seen) for one in explanations(choice)[:num_graphs]],
    )


def program_row(name: str, choice: Choice) -> list[Cell]:
    """One line for a solved program, with the columns of PROGRAM_HEADER."""
    solution = choice.solution
    num_pairs = len(choice.unseen_P)
    return [
        name,
        choice.setting.name,
        choice.candidates.num_unseen,
        choice.candidates.num_seen,
        num_pairs,
        round(solution.objective, 6),
        round(solution.bound, 6),
        solution.status,
        f"{solution.solver}, {solution.proof}",
        len(choice.readmitted),
    ]


PROGRAM_HEADER = [
    "target set", "setting", "unseen", "seen", "pairs", "objective", "bound", "status", "solver, proof", "empty rows",
]  # fmt: skip


def _note(explanation: Explanation) -> str:
    return "empty row: its best neighbour" if explanation.readmitted else ""


def _rivalled(loss: RemovedCandidate, unseen: Sequence[str], seen: Sequence[str]) -> str:
    return f"{seen[loss.seen]} ({loss.related:.2f}; {unseen[loss.rival]} {loss.rival_related:.2f})"
