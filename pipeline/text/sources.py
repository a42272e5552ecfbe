"""The sources of class texts: the class list, the names of classes, CSV files, answers of a language model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.datasets import shared
from pipeline.text import captions, class_graphs, class_tables, label_parts, prompts, requests
from pipeline.text.prompts import OURS, Text

CLASS_LIST = "class_list"  # the source that is the dataset's own list of classes
CLASS_NAME = "class_name"  # the source that reads verbs and nouns off the names of classes

_PACKAGE = Path(__file__).parents[1]  # what lies below it ships with the project


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise ValueError(f"a source is '{CLASS_LIST}', '{CLASS_NAME}' or the name of a file, without a folder")
    return name


FileName = Annotated[str, AfterValidator(_file_name)]


class Answers(Params):
    """Answers of a language model to `unseen prompts request`, as JSON Lines."""

    file: FileName
    model: Annotated[str, Field(min_length=1)]  # who answered, for the origin of the texts


Source = FileName | Answers


def own_class_list(descriptions: Path) -> Path:
    """The class list of a dataset that brings its own: the file, or classes.csv in the folder."""
    return descriptions / "classes.csv" if descriptions.is_dir() else descriptions


class Reader:
    """Reads the sources of one dataset; a file that several types name is read once.

    `descriptions` is a CSV file, or the folder of the files; `wording` are the params for captions of scene graphs.
    """

    def __init__(self, dataset: str, names: Sequence[str], descriptions: Path, wording: captions.Params) -> None:
        self._dataset, self._names, self._descriptions, self._wording = dataset, names, descriptions, wording
        self._tables: dict[Path, dict[str, list[Text]]] = {}

    def texts(self, type_: str, source: Source) -> list[Text]:
        """The texts of one type from a source; ParamsError, with the types it has, where it has none of this one."""
        if isinstance(source, Answers):
            file = self._path(source.file)
            return requests.from_answers(file, source.model, type_, self._dataset, self._names, self._wording)
        if source == CLASS_NAME:
            return self._of_names(type_)
        file = self._class_list() if source == CLASS_LIST else self._path(source)
        by_type = self._of_file(file)
        if type_ not in by_type:
            types = ", ".join(sorted(by_type)) or "none"
            raise ParamsError(f"prompt.rows: {file} has no texts of type '{type_}'; its types: {types}")
        described = {text.class_id for text in by_type[type_]}
        missing = next((name for class_id, name in enumerate(self._names) if class_id not in described), None)
        if missing is not None:
            raise DataError(f"{file}: no text under '{type_}' for class '{missing}'; write one")
        return by_type[type_]

    def _of_names(self, type_: str) -> list[Text]:
        """Verbs or nouns of the names; those in a column of the class list take precedence."""
        where = f"prompt.rows: dataset '{self._dataset}'"
        if type_ not in prompts.PARTS_OF_LABELS:
            raise ParamsError(f"{where}: type '{type_}': '{CLASS_NAME}' is a source of the types noun and verb only")
        file = self._class_list()
        written = self._of_file(file).get(type_, [])
        is_own = not file.resolve().is_relative_to(_PACKAGE)
        remedy = (
            f"into a column '{type_}' of {file}"
            if is_own
            else f"into a CSV file of all classes, columns name and {type_}, and name it in place of '{CLASS_NAME}'"
        )
        return label_parts.texts(type_, self._names, written, where, remedy)

    def _of_file(self, file: Path) -> dict[str, list[Text]]:
        if file not in self._tables:
            by_type: dict[str, list[Text]] = {}
            for text in from_csv(file, self._names, self._wording):
                by_type.setdefault(text.type, []).append(text)
            self._tables[file] = by_type
        return self._tables[file]

    def _class_list(self) -> Path:
        shipped = shared.class_file(self._dataset)
        return shipped if shipped.is_file() else own_class_list(self._descriptions)

    def _path(self, name: str) -> Path:
        return self._descriptions if self._descriptions.name == name else self._descriptions / name


def from_csv(file: Path, names: Sequence[str], wording: captions.Params) -> list[Text]:
    """All texts of a CSV file: captions of scene graphs where it has their columns, else a column a type.

    Raises FormatError and DataError as class_tables.read, prompts.from_rows and class_graphs.from_rows.
    """
    rows = class_tables.read(file, names)
    ours = file.resolve().is_relative_to(_PACKAGE)
    origin = OURS if ours else f"csv:{file_digest(file)[: requests.HASH_DIGITS]}"
    if rows and set(class_graphs.COLUMNS) <= set(rows[0].cells):
        graphs = class_graphs.from_rows(rows, names, str(file))
        return class_graphs.texts(graphs.items(), wording, origin, str(file))
    return prompts.from_rows(rows, names, origin, str(file))
