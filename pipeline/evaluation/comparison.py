"""The rows of `reports/compare/<name>.json`: how trainings answer compositional questions beside their start.

Every figure is a mean over questions. Its interval is over images (videos), the mean over seeds being resampled; with
two seeds or more there is one over seeds as well, Student's. A difference is to the start, on the same resamples.
"""

# Shapes: M captions against negatives, N pairs, G general pairs, S encoders (row and seed), B resamples, C clusters.
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.evaluation import clusters
from pipeline.evaluation.metrics import as_list, interval_of_mean

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.str_]

ALL = "all"
SUBSETS = ("all", "certain", "unseen", "unseen_certain")


@dataclass(frozen=True, eq=False)
class Questions:
    """The questions to every encoder; `cluster` is the number of the image or video of a question."""

    rule_M: Words
    corpus_M: Words
    cluster_M: Ints
    certain_M: Bools
    unseen_M: Bools
    corpus_N: Words
    cluster_N: Ints
    num_general: int


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one encoder."""

    row: str
    seed: int
    margin_M: Floats  # cosine of the true caption less that of the false one
    won_M: Floats  # 1, 1/2 (tie) or 0
    text_only_M: Floats  # the same with the pictures of others, a mean of several; NaN where there are no others
    order_N: Floats  # 1, 1/2 or 0 for the caption against its own shuffled words; NaN where they have no other order
    text_rank_N: Ints  # of the caption among all, for the picture
    picture_rank_N: Ints  # of the picture among all, for the caption
    named_G: Floats


class _Figure(NamedTuple):
    """One figure to compute from the answers of all encoders."""

    measure: str
    rule: str
    corpus: str
    subset: str
    asked: Bools


_OUTCOMES: dict[str, Callable[[Answers], Floats]] = {
    "accuracy": lambda answers: answers.won_M,
    "text_only": lambda answers: answers.text_only_M,
    "word_order": lambda answers: answers.order_N,
    "picture_to_text_r1": lambda answers: _within(answers.text_rank_N, 1),
    "picture_to_text_r5": lambda answers: _within(answers.text_rank_N, 5),
    "text_to_picture_r1": lambda answers: _within(answers.picture_rank_N, 1),
    "text_to_picture_r5": lambda answers: _within(answers.picture_rank_N, 5),
    "retention": lambda answers: answers.named_G,
}
RETRIEVAL = tuple(name for name in _OUTCOMES if "_to_" in name)


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each cluster is in each resample: of the images of graphs, and of the general pairs."""

    graphs_BC: clusters.Counts
    general_BC: clusters.Counts


def rows(questions: Questions, start: Sequence[Answers], tuned: Sequence[Answers], drawn: Resamples) -> list[Row]:
    """One row a figure and a finetune row, those of the start first.

    A tuned seed is set against the start of the same seed; a start of one seed is set against all.
    """
    answers_S = [*start, *tuned]
    partner = [_partner(answers, start) for answers in answers_S]
    names = list(dict.fromkeys(answers.row for answers in answers_S))
    rows = [row for figure in _figures(questions) for row in _rows_of(figure, answers_S, partner, questions, drawn)]
    return sorted(rows, key=lambda row: names.index(row["row"]))


def controls(rows: Sequence[Row]) -> list[Row]:
    """The verdict of each control, text alone by rule and word order; `holds` is null where unknown."""
    by_key = {(row["row"], row["measure"], row["rule"], row["corpus"]): row for row in rows if row["subset"] == ALL}
    start = rows[0]["row"] if rows else ""
    verdicts: list[Row] = []
    for (name, measure, rule, corpus), row in by_key.items():
        if corpus == ALL and measure == "text_only" and name != start:
            before = by_key[start, measure, rule, corpus]
            verdicts.append(_verdict(row, before["ci95"], before["value"]))
        elif corpus == ALL and measure == "word_order":
            verdicts.append(_verdict(row, None, None))
    return verdicts


def headline(rows: Sequence[Row]) -> dict[str, float]:
    """The first figures of every row as a flat dict of numbers, which `dvc metrics show` prints as columns."""
    shown = {("accuracy", ALL): "accuracy", ("accuracy", "unseen"): "unseen_accuracy", ("retention", ALL): "retention"}
    numbers: dict[str, float] = {}
    for row in rows:
        name = shown.get((row["measure"], row["subset"]))
        if name and (row["rule"], row["corpus"]) == (ALL, ALL):
            numbers[f"{row['row']}_{name}"] = row["value"]
            if row["difference"] is not None:
                numbers[f"{row['row']}_{name}_difference"] = row["difference"]
    return numbers


def _within(rank_N: Ints, k: int) -> Floats:
    return (rank_N <= k).astype(np.float64)


def _partner(answers: Answers, start: Sequence[Answers]) -> int:
    """The place in `start` of the answers with which these are compared."""
    seeds = [other.seed for other in start]
    if answers.seed in seeds:
        return seeds.index(answers.seed)
    if len(seeds) == 1:
        return 0
    raise DataError(
        f"finetune row '{answers.row}' has seed {answers.seed}, its start '{start[0].row}' has {seeds}; "
        "give both the same seeds, or the start a single one"
    )


def _figures(questions: Questions) -> Iterator[_Figure]:
    """Every figure of these questions; some may have no question at all."""
    everything = np.ones(questions.num_general, dtype=np.bool_)
    corpora = [ALL, *sorted(set(questions.corpus_M.tolist()) | set(questions.corpus_N.tolist()))]
    subset_M = {
        "certain": questions.certain_M,
        "unseen": questions.unseen_M,
        "unseen_certain": questions.unseen_M & questions.certain_M,
    }
    for corpus in corpora:
        here_M = (questions.corpus_M == corpus) | (corpus == ALL)
        here_N = (questions.corpus_N == corpus) | (corpus == ALL)
        for rule in [ALL, *sorted(set(questions.rule_M.tolist()))]:
            mine_M = here_M & ((questions.rule_M == rule) | (rule == ALL))
            for subset in SUBSETS:
                yield _Figure("accuracy", rule, corpus, subset, mine_M & subset_M.get(subset, True))
            yield _Figure("text_only", rule, corpus, ALL, mine_M)
        for measure in ("word_order", *RETRIEVAL):
            yield _Figure(measure, ALL, corpus, ALL, here_N)
    yield _Figure("retention", ALL, ALL, ALL, everything)


def _rows_of(
    figure: _Figure, answers_S: Sequence[Answers], partner: Sequence[int], questions: Questions, drawn: Resamples
) -> Iterator[Row]:
    outcome_SQ = np.stack([_OUTCOMES[figure.measure](answers) for answers in answers_S])
    chosen = figure.asked & np.isfinite(outcome_SQ[0])  # a question without an answer has none for any encoder
    if not chosen.any():
        return
    cluster_Q, drawn_BC = _clusters(len(chosen), figure, questions, drawn)
    of_asked = cluster_Q[chosen]
    value_S, resampled_BS = clusters.means(outcome_SQ[:, chosen], of_asked, drawn_BC)
    num_images = len(np.unique(of_asked))
    meta = {key: getattr(figure, key) for key in ("measure", "rule", "corpus", "subset")}
    meta |= {"n": int(chosen.sum()), "num_images": num_images}
    places: dict[str, list[int]] = {}
    for place, answers in enumerate(answers_S):
        places.setdefault(answers.row, []).append(place)
    for name, of_row in places.items():
        row = {"row": name, "seeds": [answers_S[place].seed for place in of_row], **meta}
        row |= _figure_of("value", "", value_S[of_row], resampled_BS[:, of_row], num_images)
        partners = [partner[place] for place in of_row]
        if partners == of_row:
            yield row | dict.fromkeys(("difference", "difference_ci95", "difference_seeds_ci95"))
        else:
            gain_BS = resampled_BS[:, of_row] - resampled_BS[:, partners]
            yield row | _figure_of(
                "difference", "difference_", value_S[of_row] - value_S[partners], gain_BS, num_images
            )


def _clusters(num: int, figure: _Figure, questions: Questions, drawn: Resamples) -> tuple[Ints, clusters.Counts]:
    if figure.measure == "retention":
        return np.arange(num), drawn.general_BC
    of_negatives = figure.measure in ("accuracy", "text_only")
    return (questions.cluster_M if of_negatives else questions.cluster_N), drawn.graphs_BC


def _figure_of(name: str, prefix: str, value_S: Floats, resampled_BS: Floats, num_images: int) -> Row:
    """Mean over seeds, its interval over images, and that over seeds; a difference is no share."""
    share = None if prefix else float(value_S.mean())
    return {
        name: float(value_S.mean()),
        f"{prefix}ci95": as_list(clusters.interval(resampled_BS.mean(axis=1), num_images, share)),
        f"{prefix}seeds_ci95": as_list(interval_of_mean(value_S.tolist())),
    }


def _verdict(row: Row, start_ci95: list[float] | None, start: float | None) -> Row:
    """Whether a control holds.

    Text alone fails where it is above the start's interval and its own interval is above one half. Word order holds
    where its whole interval is above one half.
    """
    holds: bool | None = None
    if row["measure"] == "text_only":
        if start_ci95 and row["ci95"]:
            holds = not (row["value"] > start_ci95[1] and row["ci95"][0] > 0.5)
    elif row["ci95"]:
        holds = row["ci95"][0] > 0.5
    copied = {key: row[key] for key in ("row", "rule", "value", "ci95", "n", "difference", "difference_ci95")}
    return {"control": row["measure"], **copied, "start": start, "start_ci95": start_ci95, "holds": holds}
