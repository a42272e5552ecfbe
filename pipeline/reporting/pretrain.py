"""The page of a pretrain row: the encoders of its splits and seeds, their curves, and the clips left out."""

import json
from typing import Any

from pipeline.core import pages
from pipeline.reporting import histories

MAX_EXAMPLES = 5  # of rejected clips, for each kind of reason
# The page of all encoders finds tables by their titles, and these columns.
TRAININGS, ACCURACY = "Encoders", "held-out accuracy"
NETWORK = "The network"
COUNTED = (
    "Multiply-accumulates are those of the convolutions and matrix products of one clip of the recipe's size, with all "
    "bodies that it has room for."
)
NETWORK_HEADER = ["dataset", "modality", "encoder", "options", "taught classes", "weights", "multiply-accumulates"]


def page(key: str, trainings: list[dict[str, Any]], rejected: list[list[str]]) -> pages.Page:
    """The page of a row: `trainings` are the metadata of its weights, `rejected` clips with reasons."""
    header = ["split", "seed", "classes", "clips", "held-out clips", "epochs", "best epoch", ACCURACY]
    rows: list[list[pages.Cell]] = [
        [
            training["split"],
            training["seed"],
            len(training["training_classes"]),
            training["num_training_clips"],
            training["num_held_out_clips"],
            len(training["history"]),
            training["epoch"],
            round(training["history"][training["epoch"] - 1]["held_out_accuracy"], 4),
        ]
        for training in trainings
    ]
    histories_of = [(f"{training['split']}-{training['seed']}", training["history"]) for training in trainings]
    chosen = [training["epoch"] for training in trainings]
    first = trainings[0]  # all trainings of a row share these
    options = json.dumps(first["options"], sort_keys=True)
    network: list[pages.Cell] = [first["dataset"], first["modality"], first["encoder"], options, first["classes"]]
    network += [first["num_params"], first["macs"]]
    text = (
        f"{first['encoder']} trained on the {first['classes']} classes of each split of {first['dataset']} "
        f"(split table {first['split_table']}), {_teaching(first)}. "
        "The epoch with the best accuracy on held-out clips of the same classes is kept; unseen classes and test clips "
        "take no part."
    )
    return pages.Page(
        title=f"Encoder training: {key}",
        stage="pretrain",
        row=key,
        text=[
            text,
            f"Clips that could not be prepared and so take part in nothing: {len(rejected)}.",
            COUNTED,
        ],
        tables=[
            pages.Table(title=TRAININGS, header=header, rows=rows),
            *_rejected(rejected),
            pages.Table(title=NETWORK, header=NETWORK_HEADER, rows=[network]),
        ],
        lines=[
            histories.lines("Training loss", _loss(first["text"]), "loss", histories_of, chosen=chosen),
            histories.lines(
                "Accuracy on held-out clips of the training classes",
                "accuracy",
                "held_out_accuracy",
                histories_of,
                chosen=chosen,
                chance=histories.common(1 / len(training["training_classes"]) for training in trainings),
            ),
        ],
        images=[],
    )


def _loss(text: dict[str, Any] | None) -> str:
    """The name of the loss."""
    return "divergence within a batch" if text is not None and text["loss"] == "batch" else "cross entropy"


def _teaching(training: dict[str, Any]) -> str:
    """What the encoder learnt from, in words."""
    text, augment = training["text"], training["augment"]
    teaching = "by their labels"
    if text is not None:
        teaching = f"by their texts of type {text['text_type']} (centred: {text['centre']})"
        teaching += ", told apart among those of each batch" if text["loss"] == "batch" else ""
        teaching += " and their labels" if text["label_weight"] else ""
        teaching += ", with the map to these texts as its last layer" if text["keep_map"] else ""
    variants = ", ".join(f"{name} {value:g}" for name, value in (augment or {}).items())
    return f"{teaching}, from variants of the clips ({variants})" if augment else teaching


def _rejected(rejected: list[list[str]]) -> list[pages.Table]:
    """The first few clips that preprocess rejected for each kind of reason."""
    if not rejected:
        return []
    kinds: dict[str, list[list[str]]] = {}
    for clip_id, reason in rejected:
        kinds.setdefault(reason.split(":")[0], []).append([clip_id, reason])
    rows: list[list[pages.Cell]] = [
        [len(clips), clip_id, reason] for clips in kinds.values() for clip_id, reason in clips[:MAX_EXAMPLES]
    ]
    return [pages.Table(title="Not prepared", header=["clips of this kind", "for example", "reason"], rows=rows)]
