"""Class texts: sentences made of class names, and the texts of tables."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pipeline.core.errors import DataError
from pipeline.text.class_tables import LABEL, ClassRow

TypeName = Annotated[str, Field(pattern=r"^[^\W_][\w -]*$")]  # also the name of a group of vectors

# Origins of texts: a template, the class's name, the project itself.
TEMPLATE, NAME, OURS = "template", "name", "ours"
PARTS_OF_LABELS = frozenset(("noun", "verb"))  # types whose texts several classes share
# Groups of vectors made by the lexicon of movement, which several classes may share too: the attributes of texts, and
# what texts say of each measured movement.
MOVEMENT, TOLD_MEASURES = "movement", "told"
MAX_TEXTS = 100  # of one type and class; they are numbered in the vectors' ids "CCCC-II"


@dataclass(frozen=True)
class Text:
    """One text of a class; `index` counts the texts of one type and class from 0.

    `origin` says where it comes from: "template", "name" (read off the class's name), "ours" (ships with the project),
    "csv:<hash>" or "model:<name>:<hash>", the hash being the first digits of the file's SHA-256.
    """

    class_id: int
    type: str
    index: int
    text: str
    origin: str


def from_templates(templates: Sequence[str], names: Sequence[str]) -> list[Text]:
    """The `label` texts of each class, one a template, in which the name takes the place of {name}.

    >>> [text.text for text in from_templates(["a person does: {name}", "{name}"], ["wave"])]
    ['a person does: wave', 'wave']
    """
    return [
        Text(class_id, LABEL, index, template.replace("{name}", name), TEMPLATE)
        for class_id, name in enumerate(names)
        for index, template in enumerate(templates)
    ]


def from_rows(rows: Sequence[ClassRow], names: Sequence[str], origin: str, where: str) -> list[Text]:
    """The texts of a CSV file: a column a prompt type, a row a class, or several rows for several texts.

    Columns without any text are left out, and so are empty cells of verbs and nouns. Raises DataError for any other
    empty cell; `where` is the file.
    """
    types = [name for name in rows[0].cells if any(row.cells[name].strip() for row in rows)] if rows else []
    texts: list[Text] = []
    count: Counter[tuple[int, str]] = Counter()
    for row in rows:
        for name in types:
            text = " ".join(row.cells[name].split())
            if text:
                texts.append(Text(row.class_id, name, count[row.class_id, name], text, origin))
                count[row.class_id, name] += 1
            elif name not in PARTS_OF_LABELS:
                raise DataError(f"{where}: line {row.line}: no text under '{name}' for class '{names[row.class_id]}'")
    return texts


def merged(parts: Iterable[Sequence[Text]], names: Sequence[str], where: str) -> list[Text]:
    """Texts of one type from several sources, numbered on. DataError for a class with more than MAX_TEXTS."""
    count: Counter[int] = Counter()
    texts: list[Text] = []
    for part in parts:
        first = Counter(count)
        for text in part:
            texts.append(Text(text.class_id, text.type, first[text.class_id] + text.index, text.text, text.origin))
            count[text.class_id] += 1
    for class_id, number in sorted(count.items()):
        if number > MAX_TEXTS:
            raise DataError(
                f"{where}: {number} texts of class '{names[class_id]}', at most {MAX_TEXTS} can be counted; give fewer"
            )
    return texts
