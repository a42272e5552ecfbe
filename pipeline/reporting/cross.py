"""The page of a cross row: source and target, the classes that both datasets have, and the page of the method."""

from pipeline.core import pages
from pipeline.models.crossing import Crossing, SourceParams, TargetParams
from pipeline.models.shared_classes import SharedParams
from pipeline.reporting.formatting import rounded_distance

_HOW = {"names": "the same name", "words": "the same words", "vectors": "near vectors"}


def page(
    key: str,
    of_method: pages.Page,
    source: SourceParams,
    target: TargetParams,
    shared: SharedParams,
    crossing: Crossing,
) -> pages.Page:
    """The page of the method or of the program, with the texts and tables about the two datasets on top."""
    return of_method.model_copy(
        update={
            "title": f"From {source.dataset} to {target.dataset}: {key}",
            "stage": "cross",
            "text": [*_text(source, target, shared, crossing), *of_method.text],
            "tables": [*_overlaps(target.dataset, crossing), *of_method.tables],
        }
    )


def _text(source: SourceParams, target: TargetParams, params: SharedParams, crossing: Crossing) -> list[str]:
    task = crossing.tasks[0]
    num_fit, num_val = (len(set(clips.class_ids)) for clips in (task.fit, task.val))
    learnt = (
        f"Learnt from {source.dataset}, split {source.split}: {num_fit} fit and {num_val} val classes. Scored on clips "
        f"of {target.dataset}, of which no clip and no label was learnt from: splits {', '.join(task.spaces)}. The "
        "candidates are the classes of each split."
    )
    checks = f"by name, by words, or by vectors of {params.text_type} texts nearer than {params.threshold:g}"
    names = ", ".join(overlap.source for overlap in crossing.overlaps)
    shared = f"What {source.dataset} has in common with {target.dataset} ({checks}), {names},"
    if not crossing.overlaps:
        both = f"No class of {source.dataset} is one of {target.dataset} ({checks})."
    elif params.keep:
        both = f"{shared} was kept: these figures are not zero-shot, and say so."
    else:
        both = f"{shared} was left out: nothing was learnt from it."
    beside = sorted(set(crossing.left_out) - {overlap.source for overlap in crossing.overlaps})
    if beside:
        both += f" Not learnt from either, for the encoder had them removed: {', '.join(beside)}."
    return [learnt, both]


def _overlaps(target: str, crossing: Crossing) -> list[pages.Table]:
    if not crossing.overlaps:
        return []
    rows: list[list[pages.Cell]] = [
        [overlap.source, overlap.target, _HOW[overlap.how], rounded_distance(overlap)] for overlap in crossing.overlaps
    ]
    header = ["class of the source", f"class of {target}", "told by", "cosine distance"]
    return [pages.Table(title="Classes that both datasets have", header=header, rows=rows)]
