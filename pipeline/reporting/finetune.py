"""The page of a finetune row: its data, the curves of its trainings, what was forgotten, and the weights kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core import pages
from pipeline.reporting import histories

KNOWN = {  # column of the history: title, what the axis shows
    "loss": ("Training loss", "loss"),
    "contrastive": ("Contrastive loss (eq. 2)", "loss"),
    "negatives": ("Graph-negative loss (eq. 3)", "loss"),
    "reconstruction": ("Error of rebuilt patches", "mean squared error"),
    "fell_back": ("Graph pairs without action boxes, masked at random", "share"),
    "told_apart": ("Captions told apart from false ones, selection pairs", "share"),
    "retention": ("Retention: general pictures whose own text is the nearest of 16", "share"),
}


def page(key: str, trainings: Sequence[Mapping[str, Any]], counts: Mapping[str, int]) -> pages.Page:
    """The page of a row: `trainings` are the metadata of its weights, `counts` the data used and left out."""
    histories_of = [(f"seed {training['seed']}", training["history"]) for training in trainings]
    return pages.Page(
        title=f"CLIP training: {key}",
        stage="finetune",
        row=key,
        text=[_measured(trainings[0]), _saw(trainings[0]), *_replaced(trainings)],
        tables=[_trainings(trainings), *_mixed(trainings), _counts(counts)],
        lines=[
            histories.lines(*KNOWN[name], name, histories_of)
            for name in KNOWN
            if any(name in row for row in trainings[0]["history"])
        ],
        images=[],
    )


def _measured(training: Mapping[str, Any]) -> str:
    return (
        f"CLIP trained from {training['start']}. Epoch 0 is the start itself. Retention is measured on general pairs "
        "held out of the training, so that what fine-tuning damages is seen. Neither these nor the selection pairs are "
        "among those that the comparison reports."
    )


def _saw(training: Mapping[str, Any]) -> str:
    counted = [f"{dataset}: {len(classes)} classes" for dataset, classes in training["named_classes"].items()]
    text = f"Class names found in the training texts: {', '.join(counted) or 'no dataset was asked about'}."
    if training["pretrained"] is not None:
        text += f" The weights began as {training['pretrained']}; what that training saw is not known."
    return text


def _replaced(trainings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The share of rows shown in place of pictures that do not decode, if there were any."""
    shares = {
        training["seed"]: [row["replaced"] for row in training["history"] if "replaced" in row]
        for training in trainings
    }
    shares_of = [f"seed {seed}: {sum(epochs) / len(epochs):.3%}" for seed, epochs in shares.items() if any(epochs)]
    if not shares_of:
        return []
    return [f"Rows shown in the place of one whose picture does not decode: {', '.join(shares_of)}."]


def _trainings(trainings: Sequence[Mapping[str, Any]]) -> pages.Table:
    header = [
        "seed",
        "epochs",
        "share of what was learnt that is kept",
        "told apart",
        "retention",
        "retention at the start",
    ]
    rows: list[list[pages.Cell]] = []
    for training in trainings:
        chosen = training["kept"]
        start = training["history"][0]
        figures = [chosen.get("told_apart"), chosen.get("retention"), start.get("retention")]
        rounded = [None if figure is None else round(figure, 4) for figure in figures]
        rows.append([training["seed"], len(training["history"]) - 1, training["share"], *rounded])
    return pages.Table(title="Trainings, on the selection pairs", header=header, rows=rows)


def _mixed(trainings: Sequence[Mapping[str, Any]]) -> list[pages.Table]:
    """The figures at each share of the interpolation between the start and the trained weights."""
    rows: list[list[pages.Cell]] = [
        [
            training["seed"],
            share,
            *(round(row[name], 4) if name in row else None for name in ("told_apart", "retention")),
        ]
        for training in trainings
        for share, row in zip(training["shares"], training["mixed"], strict=True)
    ]
    if not rows:
        return []
    header = ["seed", "share", "told apart", "retention"]
    return [pages.Table(title="Between the start (0) and what was learnt (1)", header=header, rows=rows)]


def _counts(counts: Mapping[str, int]) -> pages.Table:
    rows: list[list[pages.Cell]] = [[what, number] for what, number in counts.items()]
    return pages.Table(
        title="What there was to learn from, and what was left out", header=["what", "number"], rows=rows
    )
