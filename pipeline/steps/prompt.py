"""prompt: class names and descriptions -> class texts, one row per class, prompt type and text."""

from pathlib import Path, PurePosixPath

from pydantic import field_validator

from pipeline.core import progress, tables
from pipeline.core.params import Params
from pipeline.core.schemas import PROMPTS
from pipeline.datasets import shared
from pipeline.text import prompts


class Row(Params):
    """The texts of one dataset: `template` holds {name}; `descriptions` is a CSV file of the project.

    Of a dataset that brings its own class list (manifests), `descriptions` is that list.
    """

    dataset: str
    template: str
    descriptions: str

    @field_validator("template")
    @classmethod
    def _has_a_place_for_the_name(cls, template: str) -> str:
        if template.count("{name}") != 1:
            raise ValueError("a template says {name} once")
        return template

    @field_validator("descriptions")
    @classmethod
    def _lies_in_the_project(cls, descriptions: str) -> str:
        path = PurePosixPath(descriptions)
        if path.is_absolute() or ".." in path.parts or "\\" in descriptions:
            raise ValueError("the file of descriptions lies in the project and is named relative to it")
        return descriptions


def prompt(row: Row, *, descriptions: Path, out: Path) -> None:
    """Write the class texts of a dataset: type `label` from the template, and a type for each column of the CSV."""
    names = [known.name for known in shared.classes(row.dataset, own=descriptions)]
    shared.check_names(names, f"prompt.rows.{row.dataset}")
    texts = prompts.from_template(row.template, names) + prompts.from_csv(descriptions, names)
    types = sorted({text.type for text in texts})
    progress.say(f"{row.dataset}: {len(texts)} texts of {len(names)} classes: {', '.join(types)}")
    rows = [
        {
            "class_id": text.class_id,
            "class_name": names[text.class_id],
            "type": text.type,
            "index": text.index,
            "text": text.text,
        }
        for text in texts
    ]
    tables.write(out, PROMPTS, rows, {"dataset": row.dataset})
