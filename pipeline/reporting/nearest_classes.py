"""The classes nearest to a few test clips in visual and in semantic space, side by side (ResT, Fig. 9)."""

from collections.abc import Sequence

from pipeline.core.pages import Cell, Table
from pipeline.core.seeds import generator
from pipeline.models.recognised import Names, Recognised, by_inference
from pipeline.transfer.params import TransferParams
from pipeline.transfer.recognise import Inference
from pipeline.transfer.relatedness import Floats

SHOWN = 8  # clips
NEAREST = 3  # classes a clip and space
_SEMANTIC: tuple[Inference, ...] = ("reverse_transfer", "seen_label_then_text")


def table(recognised: Recognised, params: TransferParams, refit: str, names: Names) -> list[Table]:
    """One table for a row that composes prototypes in visual space; an empty list for other kinds of inference.

    The clips are drawn at random by the seed of the encoder; their labels are not read.
    """
    if params.inference != "visual_prototypes":
        return []
    ids, _ = recognised.task.tested(recognised.first)
    random = generator(recognised.task.seed, "nearest classes", recognised.task.split, recognised.first)
    places = sorted(random.permutation(len(ids))[:SHOWN].tolist())
    spaces = [recognised.values[recognised.first][places, recognised.selected]]
    spaces += [by_inference(recognised, params, refit, names, inference, places) for inference in _SEMANTIC]
    candidates = [names[class_id] for class_id in recognised.task.spaces[recognised.first]]
    columns = [_nearest(values_NC, candidates) for values_NC in spaces]
    rows: list[list[Cell]] = [[ids[place], *nearest] for place, *nearest in zip(places, *columns, strict=True)]
    header = ["test clip", "visual space (this row)", *(f"semantic space ({name})" for name in _SEMANTIC)]
    where = f"{recognised.task.name}, {recognised.first}"
    title = f"Nearest classes in visual and in semantic space, {where} (no label is opened)"
    return [Table(title=title, header=header, rows=rows)]


def _nearest(values_NC: Floats, candidates: Sequence[str]) -> list[str]:
    """For each clip the names of the classes with the highest cosines and the cosines; of equals the first."""
    order_NC = (-values_NC).argsort(axis=1, kind="stable")[:, :NEAREST]
    return [
        ", ".join(f"{candidates[place]} ({values_C[place]:.2f})" for place in order_C)
        for values_C, order_C in zip(values_NC, order_NC, strict=True)
    ]
