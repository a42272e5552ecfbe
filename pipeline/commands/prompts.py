"""prompts: the classes of a dataset -> requests for a language model, one for each class, as JSON Lines."""

import json
from pathlib import Path

from pipeline.core import members
from pipeline.core.errors import ParamsError
from pipeline.core.outputs import whole
from pipeline.datasets import shared
from pipeline.text import requests


def request(dataset: str, type_: str, *, classes: Path | None, out: Path) -> int:
    """Write the requests for texts of one type; returns their number.

    `classes` is the user's class list, for a dataset that ships none. Raises ParamsError for an unknown dataset or
    type, and for a class list that is missing or not needed.
    """
    known = members.names(shared.PACKAGE)
    if dataset not in known and not shared.is_collection(dataset):
        raise ParamsError(f"no dataset '{dataset}': the datasets are {', '.join(known)}")
    ships = shared.class_file(dataset).is_file()
    if classes is None and not ships:
        raise ParamsError(f"dataset '{dataset}' ships no class list; give yours with --classes FILE")
    if classes is not None and ships:
        raise ParamsError(f"dataset '{dataset}' comes with its class list; leave out --classes {classes}")
    names = [action.name for action in shared.classes(dataset, own=classes)]
    made = requests.requests(dataset, names, type_)
    with whole(out) as scratch:
        lines = [json.dumps(vars(entry), ensure_ascii=False) + "\n" for entry in made]
        scratch.write_text("".join(lines), encoding="utf-8")
    return len(made)
