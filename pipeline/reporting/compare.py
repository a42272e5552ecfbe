"""The page of a comparison: changes by fine-tuning on held-out compositions, its controls, and examples."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import pages
from pipeline.evaluation.comparison import ALL, RETRIEVAL
from pipeline.evaluation.compositional import TIE
from pipeline.reporting.formatting import ends, percent, points, unbroken_span, with_span

Row = dict[str, Any]

# Measure, subset and how the page calls it.
_FIGURES = (
    ("accuracy", ALL, "accuracy"),
    ("accuracy", "unseen", "accuracy, unseen compositions"),
    ("accuracy", "certain", "accuracy, certain negatives"),
    ("text_only", ALL, "text alone"),
    ("word_order", ALL, "word order"),
    *((name, ALL, name.replace("_to_", " to ").replace("_r", ", R@")) for name in RETRIEVAL),
    ("retention", ALL, "retention"),
)
_SUBSETS = (ALL, "unseen", "certain")
_SAYS = {
    ("text_only", True): "holds: within the start's interval, so the texts alone tell no more than before",
    ("text_only", False): "does not hold: above the start's interval and above guessing, so the negatives leak in text",
    ("word_order", True): "holds: the caption is preferred to its own words in another order",
    ("word_order", False): "does not hold: a caption and its shuffled words are not told apart",
}
_LESS = "holds: moved out of the start's interval, towards guessing: the texts alone tell less than before"
_OTHER = "holds: moved out of the start's interval, but the texts alone do not tell the caption above guessing"
_WORDS = (
    "Words: a composition is who does what to whom, or what is how; an unseen one stood in no training text and no "
    "training picture's graph. A certain negative is one that the annotation itself shows to be false; of the others "
    "nobody may have written down that they are true. A rule is the kind of edit: swapped roles (who does it to whom), "
    "swapped attributes, or one noun, relation or attribute replaced. What a row learns from stands in its part of "
    "`finetune` in params.yaml: GT pictures with captions told of their graphs, GN false captions besides, SG-MAE "
    "hidden parts of the pictures, which it rebuilds."
)
_UNKNOWN = "not known: the questions are of fewer than two images"


def write(folder: Path, key: str, candidates: int, figures: dict[str, Any], shown: Sequence[pages.Image]) -> None:
    """Write page.json from the figures of the JSON beside it; the files of `shown` are in the folder already.

    `candidates` is the number of texts among which a general picture must find its own.
    """
    rows: list[Row] = figures["rows"]
    page = pages.Page(
        title=f"Fine-tuning compared: {key}",
        stage="compare",
        row=key,
        text=_text(rows, candidates),
        tables=[
            _differences(rows),
            _summary(rows),
            _controls(figures["controls"]),
            _turned(figures["examples"]),
            _by_rule(rows),
        ],
        lines=[],
        marks=list(_charts(rows)),
        images=list(shown),
    )
    pages.write(folder, page)


def _turned(examples: Sequence[Row]) -> pages.Table:
    """How many questions each row won and lost."""
    rows: list[list[pages.Cell]] = [
        [example[name] for name in ("row", "seed", "n", "won", "lost")] for example in examples
    ]
    return pages.Table(title="Questions that turned", header=["row", "seed", "questions", "won", "lost"], rows=rows)


def _text(rows: Sequence[Row], candidates: int) -> list[str]:
    question = (
        "A picture held out of training is shown with its caption and with a text that one edit has made false. The "
        "answer is right where the caption's cosine with the picture is the greater one; two cosines less than "
        f"{TIE:g} apart are a tie, which counts one half."
    )
    start = rows[0]["row"] if rows else "none"
    means = (
        f"Every row is set against its start, {start}, on the same pictures and texts. Figures are means over seeds. "
        "Intervals are 95 %: over images, which are resampled with all their regions (a video with all its frames), "
        "and over seeds where there are two or more."
    )
    controlled = (
        "Text alone: the same question with the pictures of other images of the corpus. What is told then is told by "
        "the texts. They leak where a row's figure is above the interval of its start and its own interval above 50 %; "
        "the more rules and rows there are, the likelier one of them is so by chance, so look at the difference too. "
        "Word order: the caption against its own words in another order."
    )
    searched = (
        "Retrieval is over all held-out captions, the same caption of another picture being right as well; a wrong "
        f"one that ties stands ahead. Retention: a general picture finds its text among {candidates}, so guessing is "
        f"right {1 / candidates:.1%} of the time."
    )
    pictures = (
        "The pictures below were drawn at random among the questions won (the start preferred the false text, the "
        "row the caption) and lost (the other way round); a frame marks the region asked about."
    )
    return [question, means, _WORDS, controlled, searched, pictures]


def _summary(measured: Sequence[Row]) -> pages.Table:
    """One line for each figure and one column for each row of finetune, so that the table fits the page."""
    names = list(dict.fromkeys(row["row"] for row in measured))
    seeds = {row["row"]: len(row["seeds"]) for row in measured}
    lines: list[list[pages.Cell]] = [["seeds", None, *(str(seeds[name]) for name in names)]]
    for measure, subset, title in _FIGURES:
        of_figure = [
            row for row in measured if _is_overall(row) and (row["measure"], row["subset"]) == (measure, subset)
        ]
        if of_figure:
            lines.append([title, of_figure[0]["n"], *map(_with_interval, of_figure)])
    return pages.Table(title="All figures, per cent", header=["figure", "questions", *names], rows=lines)


def _differences(measured: Sequence[Row]) -> pages.Table:
    lines: list[list[pages.Cell]] = []
    for measure, subset, title in _FIGURES:
        for row in measured:
            if (
                _is_overall(row)
                and (row["measure"], row["subset"]) == (measure, subset)
                and row["difference"] is not None
            ):
                spans = (unbroken_span(row[f"difference_{over}ci95"]) or "–" for over in ("", "seeds_"))
                lines.append([title, row["row"], points(row["difference"]), *spans, row["n"], row["num_images"]])
    header = ["figure", "row", "difference", "95 % over images", "95 % over seeds", "questions", "images or samples"]
    return pages.Table(title="Differences to the start, percentage points", header=header, rows=lines)


def _controls(verdicts: Sequence[Row]) -> pages.Table:
    rows: list[list[pages.Cell]] = []
    for verdict in verdicts:
        start = "–" if verdict["start"] is None else with_span(percent(verdict["start"]), verdict["start_ci95"])
        control = "text alone" if verdict["control"] == "text_only" else _spoken(verdict["control"])
        whose = [verdict["row"], control, _spoken(verdict["rule"])]
        rows.append([*whose, _with_interval(verdict), start, _gain(verdict), _says(verdict)])
    header = ["row", "control", "rule", "per cent", "at the start", "difference, points", "what it says"]
    return pages.Table(title="Controls", header=header, rows=rows)


def _says(verdict: Row) -> str:
    """The verdict of a control in words; texts alone that tell less than at the start are no leak."""
    if verdict["control"] == "text_only" and verdict["holds"]:
        low, high = verdict["start_ci95"]
        if not low <= verdict["value"] <= high:
            return _LESS if abs(verdict["value"] - 0.5) < abs(verdict["start"] - 0.5) else _OTHER
    return _SAYS.get((verdict["control"], verdict["holds"]), _UNKNOWN)


def _by_rule(measured: Sequence[Row]) -> pages.Table:
    """The rules in order, all corpora of each first; the subset both unseen and certain is in the JSON only.

    A line is left out if the line of all negatives or of all corpora has the same questions.
    """
    names = list(dict.fromkeys(row["row"] for row in measured))
    lines: dict[tuple[str, str, str], list[Row]] = {}
    for row in measured:
        if row["measure"] == "accuracy" and row["subset"] in _SUBSETS:
            lines.setdefault((row["rule"], row["corpus"], row["subset"]), []).append(row)
    number = {key: of_line[0]["n"] for key, of_line in lines.items()}
    rows: list[list[pages.Cell]] = []
    for key in sorted(lines, key=lambda key: (key[0] != ALL, key[0], key[1] != ALL, key[1], _SUBSETS.index(key[2]))):
        rule, corpus, subset = key
        wider = {(rule, corpus, ALL), (rule, ALL, subset)} - {key}
        if all(number[key] < number[other] for other in wider):
            first = lines[key][0]
            cells = [_spoken(rule), corpus, subset, first["n"], first["num_images"]]
            rows.append([*cells, *map(_with_interval, lines[key])])
    header = ["rule", "corpus", "negatives", "questions", "images", *names]
    return pages.Table(title="Accuracy by rule and corpus, per cent", header=header, rows=rows)


def _charts(measured: Sequence[Row]) -> Iterator[pages.Marks]:
    """One chart for each rule: the start and the rows fine-tuned from it."""
    rules = list(dict.fromkeys(row["rule"] for row in measured if row["measure"] == "accuracy"))
    for rule in rules:
        of_rule = [row for row in measured if (row["measure"], row["rule"], row["corpus"]) == ("accuracy", rule, ALL)]
        shown = [row for row in of_rule if row["subset"] in (ALL, "unseen")]
        titles = {ALL: "", "unseen": ", unseen compositions"}
        number = {row["subset"]: row["n"] for row in shown}
        of_unseen = f", {number['unseen']} of them of unseen compositions" if "unseen" in number else ""
        yield pages.Marks(
            title="Caption against negative, all rules"
            if rule == ALL
            else f"Caption against negative: {_spoken(rule)}",
            note=f"{number[ALL]} questions{of_unseen}. The dashed line is guessing; lines show the 95 % interval over "
            "images.",
            reference=0.5,
            marks=[
                pages.Mark(name=row["row"] + titles[row["subset"]], value=row["value"], ci95=ends(row["ci95"]))
                for row in shown
            ],
        )


def _spoken(name: str) -> str:
    """A rule or a control in words."""
    return name.replace("_", " ")


def _is_overall(row: Row) -> bool:
    return (row["rule"], row["corpus"]) == (ALL, ALL)


def _with_interval(row: Row) -> str:
    return with_span(percent(row["value"]), row["ci95"])


def _gain(row: Row) -> str:
    """The paired difference to the start with its interval."""
    return "–" if row["difference"] is None else with_span(points(row["difference"]), row["difference_ci95"])
