"""prompt: class names, and what is written about the classes -> class texts, one row per class, type and text."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field, field_validator

from pipeline.core import pages, progress, tables
from pipeline.core.outputs import whole_folder
from pipeline.core.params import Params
from pipeline.core.schemas import PROMPTS, PromptRow
from pipeline.datasets import shared
from pipeline.reporting import prompt as page_of
from pipeline.text import captions, prompts, sources
from pipeline.text.class_tables import LABEL
from pipeline.text.prompts import Text, TypeName
from pipeline.text.sources import Source


class Row(Params):
    """The texts of one dataset: type `label` from the templates, each other type from its sources.

    A source is `class_list`, or a file: `descriptions` itself, or one in the folder that `descriptions` is. Of a
    dataset that brings its own class list (manifests), `descriptions` is that list, or the folder that holds it as
    classes.csv. Types `verb` and `noun` may have the source `class_name`: they are read off the names of the classes,
    and columns `verb` and `noun` of the class list, where they say something, take the place of what is read.
    """

    dataset: str
    templates: list[str] = Field(min_length=1, max_length=prompts.MAX_TEXTS)
    descriptions: str
    sources: dict[TypeName, Annotated[list[Source], Field(min_length=1)]]

    @field_validator("templates")
    @classmethod
    def _have_a_place_for_the_name(cls, templates: list[str]) -> list[str]:
        if any(template.count("{name}") != 1 for template in templates):
            raise ValueError("a template says {name} once")
        if len(set(templates)) < len(templates):
            raise ValueError("a template is given twice")
        return templates

    @field_validator("descriptions")
    @classmethod
    def _lies_in_the_project(cls, descriptions: str) -> str:
        path = PurePosixPath(descriptions)
        if path.is_absolute() or ".." in path.parts or "\\" in descriptions:
            raise ValueError("the file or folder of descriptions lies in the project and is named relative to it")
        return descriptions

    @field_validator("sources")
    @classmethod
    def _leave_labels_to_the_templates(cls, given: dict[str, list[Source]]) -> dict[str, list[Source]]:
        if LABEL in given:
            raise ValueError(f"type '{LABEL}' is made from the templates")
        return given


def prompt(row: Row, worded: captions.Params, *, descriptions: Path, out: Path, page: Path) -> None:
    """Write the class texts of a dataset and their page. `worded` is how scene graphs of classes are put into words."""
    classes = shared.classes(row.dataset, own=sources.own_class_list(descriptions))
    names = [known.name for known in classes]
    shared.check_names(names, f"prompt.rows.{row.dataset}")
    reader = sources.Reader(row.dataset, names, descriptions, worded)
    texts = prompts.from_templates(row.templates, names)
    for type_, given in row.sources.items():
        where = f"prompt.rows: dataset '{row.dataset}': type '{type_}'"
        texts += prompts.merged((reader.texts(type_, source) for source in given), names, where)
    types = sorted({text.type for text in texts})
    progress.say(f"{row.dataset}: {len(texts)} texts of {len(names)} classes: {', '.join(types)}")
    tables.write(out, PROMPTS, _lines(texts, names), {"dataset": row.dataset})
    with whole_folder(page) as folder:
        pages.write(folder, page_of.page(row.dataset, names, texts))


def _lines(texts: Sequence[Text], names: Sequence[str]) -> list[PromptRow]:
    return [PromptRow(class_name=names[text.class_id], **vars(text)) for text in texts]
