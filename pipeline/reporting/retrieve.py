"""The page of retrieval: how well each sense finds the clips of the others, for trained and never-trained pairs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import pages
from pipeline.evaluation.retrieval import DEPTHS
from pipeline.evaluation.retrieval_tables import ALL
from pipeline.reporting.formatting import ends, percent, unbroken_span, with_span

Row = dict[str, Any]

_CHARTED = 5  # depth of the chart
_TRANSDUCTIVE = (
    "Transductive: these senses were bound with all clips, so nearly every query below was itself a pair of the "
    "training, and finding it, in trained pairs and in never-trained ones, may be memory. No figure here may be "
    "compared with one of senses that were bound with training clips alone."
)
_SUBSETS = {ALL: "all test clips", "unseen_test": "clips of unseen classes", "seen_test": "clips of seen classes"}


def write(folder: Path, key: str, bound: str, figures: dict[str, Any], images: Sequence[pages.Image]) -> None:
    """Write page.json from the figures of the JSON beside it; the files of `images` are in the folder already."""
    subsets = list(dict.fromkeys(row["subset"] for row in figures["pairs"]))
    page = pages.Page(
        title=f"Retrieval across senses: {key}",
        stage="retrieve",
        row=key,
        text=_text(bound, figures),
        tables=[
            _kinds(figures["kinds"]),
            *(_pairs(subset, figures["pairs"]) for subset in subsets),
            *_examples(figures["examples"]),
        ],
        lines=[],
        marks=list(_charts(figures["pairs"])),
        images=list(images),
    )
    pages.write(folder, page)


def _text(bound: str, figures: dict[str, Any]) -> list[str]:
    question = (
        f"Every test clip's vector of one sense of {bound} is asked to find the same clip's vector of another sense "
        "among those of all test clips that both senses have. R@k is the share of queries whose right clip is among "
        "the first k; a wrong clip that ties stands ahead. Clips of the query's own performance from another camera "
        "are left out of its ranking, neither right nor wrong."
    )
    pairs = (
        "Senses were bound to the hub alone. A pair is trained where one of the two is the hub; the other pairs never "
        "met in training, and what they find is emergent alignment."
    )
    num_runs = max((row["runs"] for row in figures["kinds"]), default=1)
    over = next((row["over"] for row in figures["kinds"] if row["over"]), None)
    spans = (
        f"Figures are means over {num_runs} runs. Intervals are 95 %: over performances, which are resampled, and over "
        f"{over}."
        if over
        else "Intervals are 95 %, over performances, which are resampled."
    )
    bounds = "Where every query is right, or none is, resampling cannot tell how sure that is: the interval is a point."
    subsets = (
        "Clips of unseen and of seen classes apart are asked among their own kind only, so chance is higher there."
    )
    drawn = (
        "The queries drawn below were chosen at random, not by success. Vectors are those of the first run. Class "
        "names are told for the reader alone: only the clip itself is right."
    )
    return [*[_TRANSDUCTIVE] * figures["transductive"], question, pairs, f"{spans} {bounds} {subsets}", drawn]


def _kinds(kinds: Sequence[Row]) -> pages.Table:
    rows: list[list[pages.Cell]] = [
        [_trained(row), _SUBSETS[row["subset"]], *_figures(row), unbroken_span(row["r1_runs_ci95"]) or "–"]
        for row in kinds
    ]
    header = ["pairs", "clips", *_header(), "R@1 over runs"]
    return pages.Table(title="Trained and never-trained pairs, means over pairs, per cent", header=header, rows=rows)


def _pairs(subset: str, pairs: Sequence[Row]) -> pages.Table:
    rows: list[list[pages.Cell]] = [
        [row["query"], row["target"], _trained(row), _whole(row["n"]), *_figures(row)]
        for row in pairs
        if row["subset"] == subset
    ]
    header = ["query", "finds", "pair", "queries", *_header()]
    return pages.Table(title=f"Every pair of senses, {_SUBSETS[subset]}, per cent", header=header, rows=rows)


def _header() -> list[str]:
    return [*(name for depth in DEPTHS for name in (f"R@{depth}", "chance")), "median rank"]


def _figures(row: Row) -> list[pages.Cell]:
    cells: list[pages.Cell] = []
    for depth in DEPTHS:
        cells += [_with_interval(row, f"r{depth}", 100), percent(row[f"chance_r{depth}"])]
    return [*cells, _with_interval(row, "median_rank", 1)]


def _charts(pairs: Sequence[Row]) -> Iterator[pages.Marks]:
    """One chart over all test clips for pairs with the same chance, trained pairs first."""
    ordered = sorted((row for row in pairs if row["subset"] == ALL), key=lambda row: not row["trained"])
    for chance in sorted({row[f"chance_r{_CHARTED}"] for row in ordered}):
        rows = [row for row in ordered if row[f"chance_r{_CHARTED}"] == chance]
        yield pages.Marks(
            title=f"Right clip among the first {_CHARTED}, {_SUBSETS[ALL]}",
            note=f"{_whole(rows[0]['candidates'])} candidates. The dashed line is chance; lines show the 95 % interval "
            "over performances.",
            reference=chance,
            marks=[
                pages.Mark(
                    name=f"{row['query']} finds {row['target']} ({_trained(row)})",
                    value=row[f"r{_CHARTED}"],
                    ci95=ends(row[f"r{_CHARTED}_ci95"]),
                )
                for row in rows
            ],
        )


def _examples(examples: Sequence[Row]) -> Iterator[pages.Table]:
    rows: list[list[pages.Cell]] = [
        [
            example["query"],
            example["target"],
            f"{example['drawn_right']} of {example['drawn']}",
            f"{example['right']} of {example['n']}",
            percent(example["right"] / example["n"]),
            percent(example["chance"]),
        ]
        for example in examples
    ]
    header = ["query", "finds", "drawn below", "all queries", "per cent", "chance"]
    title = f"Right clip among the first {examples[0]['among_first']}, as drawn below"
    yield pages.Table(title=title, header=header, rows=rows)


def _trained(row: Row) -> str:
    return "trained" if row["trained"] else "never trained"


def _whole(value: float) -> str:
    """A number of clips, with a decimal where it is a mean of unequal numbers."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def _with_interval(row: Row, name: str, scale: int) -> str:
    return with_span(f"{scale * row[name]:.1f}", row[f"{name}_ci95"], scale)
