"""Where class texts come from: the class list, CSV files of texts or of scene graphs, answers of a language model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.core.errors import ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.datasets import shared
from pipeline.text import captions, class_graphs, class_tables, prompts, requests
from pipeline.text.prompts import Text

CLASS_LIST = "class_list"  # the source that is the dataset's own list of classes
OURS = "ours"  # the origin of texts that ship with the project

_PACKAGE = Path(__file__).parents[1]  # what lies below it ships with the project


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise ValueError(f"a source is '{CLASS_LIST}' or the name of a file, without a folder")
    return name


FileName = Annotated[str, AfterValidator(_file_name)]


class Answers(Params):
    """Answers of a language model to `unseen prompts request`, JSON Lines."""

    file: FileName
    model: Annotated[str, Field(min_length=1)]  # who answered, for the origin of the texts


Source = FileName | Answers


def own_class_list(descriptions: Path) -> Path:
    """Where the class list stands of a dataset that brings its own: the file, or classes.csv in the folder."""
    return descriptions / "classes.csv" if descriptions.is_dir() else descriptions


class Reader:
    """Reads the sources of one dataset; a file that several types name is read once.

    `descriptions` is a CSV file, or the folder that files lie in; `worded` says how scene graphs are put into words.
    """

    def __init__(self, dataset: str, names: Sequence[str], descriptions: Path, worded: captions.Params) -> None:
        self._dataset, self._names, self._descriptions, self._worded = dataset, names, descriptions, worded
        self._tables: dict[Path, dict[str, list[Text]]] = {}

    def texts(self, type_: str, source: Source) -> list[Text]:
        """The texts of one type that a source gives; ParamsError, with the types it has, where it gives none."""
        if isinstance(source, Answers):
            file = self._path(source.file)
            return requests.from_answers(file, source.model, type_, self._dataset, self._names, self._worded)
        file = self._class_list() if source == CLASS_LIST else self._path(source)
        if file not in self._tables:
            by_type: dict[str, list[Text]] = {}
            for text in from_csv(file, self._names, self._worded):
                by_type.setdefault(text.type, []).append(text)
            self._tables[file] = by_type
        if type_ not in self._tables[file]:
            found = ", ".join(sorted(self._tables[file])) or "none"
            raise ParamsError(f"prompt.rows: {file} has no texts of type '{type_}'; its types: {found}")
        return self._tables[file][type_]

    def _class_list(self) -> Path:
        shipped = shared.class_file(self._dataset)
        return shipped if shipped.is_file() else own_class_list(self._descriptions)

    def _path(self, name: str) -> Path:
        return self._descriptions if self._descriptions.name == name else self._descriptions / name


def from_csv(file: Path, names: Sequence[str], worded: captions.Params) -> list[Text]:
    """The texts of a CSV file, all its types: of scene graphs where it has their columns, else a column a type.

    Raises FormatError and DataError as class_tables.read, prompts.from_rows and class_graphs.from_rows.
    """
    rows = class_tables.read(file, names)
    ours = file.resolve().is_relative_to(_PACKAGE)
    origin = OURS if ours else f"csv:{file_digest(file)[: requests.HASH_DIGITS]}"
    if rows and set(class_graphs.COLUMNS) <= set(rows[0].cells):
        graphs = class_graphs.from_rows(rows, names, str(file))
        return class_graphs.texts(graphs.items(), worded, origin, str(file))
    return prompts.from_rows(rows, names, origin, str(file))
