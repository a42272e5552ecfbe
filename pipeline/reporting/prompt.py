"""The page of a dataset's class texts: for each type the texts of every class and their origin."""

from collections.abc import Sequence

from pipeline.core import pages
from pipeline.text.prompts import Text


def page(dataset: str, names: Sequence[str], texts: Sequence[Text]) -> pages.Page:
    """One table for each type, in the order of the texts, after a table with the number of texts of each type."""
    types = list(dict.fromkeys(text.type for text in texts))
    counts = pages.Table(
        title="Types",
        header=["type", "texts", "origins"],
        rows=[[type_, *_counted([text for text in texts if text.type == type_])] for type_ in types],
    )
    text = "What text encoders read of every class. Methods compare clips with vectors of these texts."
    return pages.Page(
        title=f"Class texts of {dataset}",
        stage="prompt",
        row=dataset,
        text=[text],
        tables=[counts, *(_table(type_, names, texts) for type_ in types)],
        lines=[],
        images=[],
    )


def _counted(texts: Sequence[Text]) -> list[pages.Cell]:
    return [len(texts), ", ".join(sorted({text.origin for text in texts}))]


def _table(type_: str, names: Sequence[str], texts: Sequence[Text]) -> pages.Table:
    """One row for each text; the first text of a class names the class."""
    ordered = sorted((text for text in texts if text.type == type_), key=lambda text: (text.class_id, text.index))
    rows: list[list[pages.Cell]] = [
        [names[text.class_id] if text.index == 0 else "", text.text, text.origin] for text in ordered
    ]
    return pages.Table(title=type_, header=["class", "text", "origin"], rows=rows)
