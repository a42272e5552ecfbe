"""The page of a finetune row: what was learnt from, how it went, what was forgotten, and what of it is kept."""

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


def page(key: str, abouts: Sequence[Mapping[str, Any]], counts: Mapping[str, int]) -> pages.Page:
    """The page of a row: `abouts` is the metadata of its weights, `counts` what the data hold and what was left out."""
    histories_of = [(f"seed {about['seed']}", about["history"]) for about in abouts]
    return pages.Page(
        title=f"CLIP training: {key}",
        stage="finetune",
        row=key,
        text=[_measured(abouts[0]), _saw(abouts[0]), *_replaced(abouts)],
        tables=[_trainings(abouts), *_mixed(abouts), _counts(counts)],
        lines=[
            histories.lines(*KNOWN[name], name, histories_of)
            for name in KNOWN
            if any(name in row for row in abouts[0]["history"])
        ],
        images=[],
    )


def _measured(about: Mapping[str, Any]) -> str:
    return (
        f"CLIP trained from {about['start']}. Epoch 0 is the start itself. Retention is measured on general pairs held "
        "out of the training, so that what fine-tuning damages is seen. Neither these nor the selection pairs are "
        "among those that the comparison reports."
    )


def _saw(about: Mapping[str, Any]) -> str:
    counted = [f"{dataset}: {len(classes)} classes" for dataset, classes in about["named_classes"].items()]
    text = f"Class names found in the training texts: {', '.join(counted) or 'no dataset was asked about'}."
    if about["pretrained"] is not None:
        text += f" The weights began as {about['pretrained']}; what that training saw is not known."
    return text


def _replaced(abouts: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stood in the place of pictures that do not decode, where there were any."""
    shares = {about["seed"]: [row["replaced"] for row in about["history"] if "replaced" in row] for about in abouts}
    shares_of = [f"seed {seed}: {sum(epochs) / len(epochs):.3%}" for seed, epochs in shares.items() if any(epochs)]
    if not shares_of:
        return []
    return [f"Rows shown in the place of one whose picture does not decode: {', '.join(shares_of)}."]


def _trainings(abouts: Sequence[Mapping[str, Any]]) -> pages.Table:
    header = [
        "seed",
        "epochs",
        "share of what was learnt that is kept",
        "told apart",
        "retention",
        "retention at the start",
    ]
    rows: list[list[pages.Cell]] = []
    for about in abouts:
        chosen = about["kept"]
        start = about["history"][0]
        figures = [chosen.get("told_apart"), chosen.get("retention"), start.get("retention")]
        rounded = [None if figure is None else round(figure, 4) for figure in figures]
        rows.append([about["seed"], len(about["history"]) - 1, about["share"], *rounded])
    return pages.Table(title="Trainings, on the selection pairs", header=header, rows=rows)


def _mixed(abouts: Sequence[Mapping[str, Any]]) -> list[pages.Table]:
    """What each share of the interpolation with the start would give."""
    rows: list[list[pages.Cell]] = [
        [about["seed"], share, *(round(row[name], 4) if name in row else None for name in ("told_apart", "retention"))]
        for about in abouts
        for share, row in zip(about["shares"], about["mixed"], strict=True)
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
