"""The leak audit as pages show it: sentences about what the weights were trained on, and the recorded checks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.reporting.evidence import Result, Row

_BOUND = {"fit": "of fit classes alone", "fit_and_val": "of fit and val classes alone"}


def sentences(rows: Sequence[Row]) -> list[str]:
    """Sentences about unseen classes in training and in scores, labels, clips, subjects and pretrained weights."""
    pairing = dict.fromkeys(sentence for sentence in (_paired(row, rows) for row in rows) if sentence)
    labels = "No label and no text that the weights were taught here names an unseen class: such figures are refused."
    pretrained = dict.fromkeys(row["pretrained"] for row in rows if row["pretrained"])
    overlapping = dict.fromkeys(name for row in rows for name in row["kept_overlap"])
    if overlapping:
        labels = (
            f"Overlapping classes kept: the weights were taught what is tested here too, under the names of "
            f"{rows[0]['source']}: {', '.join(overlapping)}. These are no zero-shot figures."
        )
    together = (
        "Transductive: the scores of a clip depend on the other test clips, whose labels are not read; to be compared "
        "with no inductive figure."
    )
    return [
        *pairing,
        *[together] * any(row["scored_together"] for row in rows),
        *(_elsewhere(row) for row in rows[:1] if row["source"]),
        labels,
        *dict.fromkeys(map(_clips, rows)),
        _people(rows),
        *(
            f"The encoder began as {name}, weights of the web: nobody knows which classes they saw."
            for name in pretrained
        ),
    ]


def _elsewhere(row: Row) -> str:
    return (
        f"Learnt from {row['source']}: {row['num_source_classes']} classes, whose names were compared with those of "
        f"the unseen classes of {row['dataset']}, also by their words in any order."
    )


def _clips(row: Row) -> str:
    """The clips that the encoder was trained on."""
    if row["training_clips"] is None:
        return f"The encoder read the label of no clip of {row['dataset']}."
    if row["training_clips"] == UNKNOWN_CLIPS:
        return (
            "Training clips unknown: the encoder tells its training classes but not its clips, so that clips of test "
            "subjects may be among them."
        )
    return "The encoder read labels of the training clips of the split and of no others: their ids were compared."


def _people(rows: Sequence[Row]) -> str:
    """Whether clips or subjects of the test are in training too."""
    shared, undigested = (max(row[f"num_{name}"] for row in rows) for name in ("shared_subjects", "undigested"))
    text = "No test clip has the bytes of a training clip"
    if undigested:
        text += f" (of up to {undigested} nobody can tell, for they have no digest)"
    if shared:
        protocol = rows[0]["protocol"]
        return f"{text}. Up to {shared} test subjects train as well: the protocol {protocol} parts something else."
    return f"{text}, and no test subject trains."


def _paired(row: Row, rows: Sequence[Row]) -> str | None:
    if row["pairs"] is None:
        return None
    if row["pairs"] != "all":
        return (
            f"Of {row['dataset']} the encoder was bound with clips {_BOUND[row['pairs']]}: with none of an unseen "
            "class. If other datasets gave pairs, the page of bind names their classes, which may be like unseen ones."
        )
    split = f" of split {row['split']}" if len({other["split"] for other in rows}) > 1 else ""
    num, names = row["num_paired_unseen"], ", ".join(row["paired_unseen"])
    return (
        f"Transductive: clips of {num} of the {row['num_unseen_classes']} unseen classes{split} took part in binding, "
        f"without their labels ({names}); to be compared with no inductive figure."
    )


@dataclass(frozen=True)
class CheckLine:
    """A check over the rows of a result: what it compared in the first of them, and in how many it stands like this."""

    name: str
    compared: str
    passed: bool | None
    detail: str
    num_rows: int
    num_others: int  # of these rows, how many compared other numbers


def checks(rows: Sequence[Row]) -> list[CheckLine]:
    """Every check that evaluate has recorded, exceptions apart from what passed; in the order of the first row."""
    names = dict.fromkeys(check["name"] for row in rows for check in row["checks"])
    lines = []
    for name in names:
        found = [check for row in rows for check in row["checks"] if check["name"] == name]
        for kind in dict.fromkeys((check["passed"], check["passed"] or check["detail"]) for check in found):
            alike = [check for check in found if (check["passed"], check["passed"] or check["detail"]) == kind]
            first = alike[0]
            num_others = sum(check["compared"] != first["compared"] for check in alike)
            lines.append(CheckLine(name, first["compared"], first["passed"], first["detail"], len(alike), num_others))
    return lines


@dataclass(frozen=True)
class CheckCount:
    """A check over all rows of a report: how many passed, and which results bear an exception."""

    name: str
    num_passed: int
    num_open: int  # nothing to compare
    num_excepted: int
    excepted: list[str]  # names of results


def overview(results: Sequence[Result]) -> list[CheckCount]:
    """Every check with its numbers of rows, in the order of the first row."""
    found: dict[str, list[tuple[str, bool | None]]] = {}
    for result in results:
        for row in result.rows:
            for check in row["checks"]:
                found.setdefault(check["name"], []).append((result.name, check["passed"]))
    counts = []
    for name, marks in found.items():
        numbers = Counter(passed for _, passed in marks)
        excepted = list(dict.fromkeys(result for result, passed in marks if passed is False))
        counts.append(CheckCount(name, numbers[True], numbers[None], numbers[False], excepted))
    return counts


def num_clean(results: Sequence[Result]) -> tuple[int, int]:
    """How many rows bear no exception, and how many rows there are."""
    rows = [row for result in results for row in result.rows]
    return sum(all(check["passed"] is not False for check in row["checks"]) for row in rows), len(rows)
