"""The page of a row of bind: how the training of each sense went, and which clips and classes were paired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core import pages
from pipeline.reporting import histories
from pipeline.training.bound import BoundMetadata

_OF = {
    "fit": "the clips that the split gives to training (role fit)",
    "fit_and_val": "the clips that the split gives to training and validation (roles fit and val)",
    "all": "all clips of the split table, those of unseen classes among them, as the papers' transductive rows have it",
}


@dataclass(frozen=True)
class PairCounts:
    """The pairs of one training: its senses, and the clips used for training, held out, and wanted by the rules."""

    senses: tuple[str, ...]
    split: str
    seed: int
    training: int
    held_out: int
    wanted: int


def page(
    key: str,
    trainings: Sequence[BoundMetadata],
    counts: Sequence[PairCounts],
    class_names: Mapping[str, Sequence[str]],
    *,
    labels: bool,
) -> pages.Page:
    """The page of a row: its trainings in order, and `class_names` by dataset and class id.

    `labels` is whether clips of one class were left out as negatives of each other.
    """
    return pages.Page(
        title=f"Binding: {key}",
        stage="bind",
        row=key,
        text=_text(trainings[0], labels=labels),
        tables=[_senses(trainings), _pairs(counts), _classes(trainings[0], class_names)],
        lines=_lines(trainings),
        images=[],
    )


def _lines(trainings: Sequence[BoundMetadata]) -> list[pages.Lines]:
    histories_of = [(f"{training.sense} {training.split}-{training.seed}", training.history) for training in trainings]
    chosen = [training.epoch for training in trainings]
    guess = histories.common(
        row["held_out_chance"] for training in trainings for row in training.history if "held_out_chance" in row
    )
    charts = [
        ("Loss on the pairs learnt from", "InfoNCE, mean of both directions", "loss", None),
        ("Loss on held-out pairs", "InfoNCE, mean of both directions", "held_out_loss", None),
        ("Recall at 1 within a batch of held-out pairs", "share", "held_out_recall", guess),
        ("The same of a guess", "share", "held_out_chance", None),
    ]
    return [
        histories.lines(title, label, column, histories_of, chosen=chosen, chance=chance)
        for title, label, column, chance in charts
    ]


def _text(training: BoundMetadata, *, labels: bool) -> list[str]:
    hub = training.hub
    hub_says = "learns along, away from its texts, which stay as they are" if hub.learned else "stays as it is"
    labels_say = (
        "No text is read; labels are, for clips of one class are left out as negatives of each other."
        if labels
        else "No text and no label is read."
    )
    task = (
        f"Each sense of {training.dataset} (split table {training.split_table}) learns to give the vector that the "
        f"hub, {hub.encoder} over {hub.modality} with the weights {hub.weights}, gives of the same clip; the hub "
        f"{hub_says}. {labels_say} Paired are {_OF[training.pairs]}, where both hub and sense have recorded them."
    )
    recall = (
        "Recall is the share of clips whose own partner is the nearest of their batch, the mean of both directions; "
        "clips that the row leaves out as negatives do not compete. A guess finds one in as many as there are "
        "candidates. The epoch with the best recall on held-out pairs is kept: that recall is the best of all epochs "
        "on these few clips, and so likely too high; how test clips find each other is on the page of retrieve."
    )
    return [
        task,
        recall,
        "A temperature divides cosines in the loss: the lower, the more the nearest wrong clips weigh.",
    ]


def _senses(trainings: Sequence[BoundMetadata]) -> pages.Table:
    header = ["sense", "split", "seed", "encoder", "epochs", "best epoch", "recall at 1", "of a guess", "temperature"]
    rows: list[list[pages.Cell]] = []
    for training in trainings:
        best = training.history[training.epoch - 1]
        figures = [best["held_out_recall"], best["held_out_chance"], training.temperature]
        names: list[pages.Cell] = [
            training.sense,
            training.split,
            training.seed,
            f"{training.encoder} over {training.modality}",
        ]
        rows.append([*names, len(training.history), training.epoch, *(round(figure, 4) for figure in figures)])
    return pages.Table(title="Senses, on the held-out pairs that chose the epoch", header=header, rows=rows)


def _pairs(counts: Sequence[PairCounts]) -> pages.Table:
    header = ["senses", "split", "seed", "pairs learnt from", "held-out pairs", "clips without hub or sense"]
    rows: list[list[pages.Cell]] = [
        [
            ", ".join(count.senses),
            count.split,
            count.seed,
            count.training,
            count.held_out,
            count.wanted - count.training - count.held_out,
        ]
        for count in counts
    ]
    return pages.Table(title="Pairs", header=header, rows=rows)


def _classes(training: BoundMetadata, class_names: Mapping[str, Sequence[str]]) -> pages.Table:
    """The classes of the first training; for rows that pair all clips, with the number of unseen ones."""
    rows: list[list[pages.Cell]] = []
    for dataset, paired in training.paired.items():
        unseen = training.unseen_classes if dataset == training.dataset else []
        names = [class_names[dataset][class_id] for class_id in paired]
        rows.append([dataset, len(paired), len(set(paired) & set(unseen)), "; ".join(names)])
    header = ["dataset", "classes", "of them unseen", "names"]
    return pages.Table(title=f"Classes of the paired clips, split {training.split}", header=header, rows=rows)
