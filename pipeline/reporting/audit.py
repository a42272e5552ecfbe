"""What the weights behind a result have seen, in one sentence each, of figures that passed the leak audit."""

from collections.abc import Sequence

from pipeline.reporting.evidence import Row

_BOUND = {"fit": "of fit classes alone", "fit_and_val": "of fit and val classes alone"}


def sentences(rows: Sequence[Row]) -> list[str]:
    """Which unseen classes took part in binding, whether texts or labels name any, and which weights came from afar."""
    told = dict.fromkeys(sentence for sentence in (_paired(row, rows) for row in rows) if sentence)
    taught = "No label and no text that the weights were taught here names an unseen class: such figures are refused."
    started = dict.fromkeys(row["pretrained"] for row in rows if row["pretrained"])
    kept = dict.fromkeys(name for row in rows for name in row["kept_overlap"])
    if kept:
        taught = (
            f"Overlapping classes kept: the weights were taught what is tested here too, under the names of "
            f"{rows[0]['source']}: {', '.join(kept)}. These are no zero-shot figures."
        )
    return [
        *told,
        *(_elsewhere(row) for row in rows[:1] if row["source"]),
        taught,
        *(f"The encoder began as {name}, weights of the web: nobody knows which classes they saw." for name in started),
    ]


def _elsewhere(row: Row) -> str:
    return (
        f"Learnt from {row['source']}: {row['num_source_classes']} classes, whose names were compared with those of "
        f"the unseen classes of {row['dataset']}, also by their words in any order."
    )


def _paired(row: Row, rows: Sequence[Row]) -> str | None:
    if row["pairs"] is None:
        return None
    if row["pairs"] != "all":
        return (
            f"Of {row['dataset']} the encoder was bound with clips {_BOUND[row['pairs']]}: with none of an unseen "
            "class. If other datasets gave pairs, the page of bind names their classes, which may be like unseen ones."
        )
    split = f" of split {row['split']}" if len({one["split"] for one in rows}) > 1 else ""
    num, names = row["num_paired_unseen"], ", ".join(row["paired_unseen"])
    return (
        f"Transductive: clips of {num} of the {row['num_unseen_classes']} unseen classes{split} took part in binding, "
        f"without their labels ({names}); to be compared with no inductive figure."
    )
