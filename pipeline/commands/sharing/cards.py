"""Cards of weights: what they have seen, of which data and split, under which settings, and who may use them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.commands.sharing import checks
from pipeline.commands.sharing.project import Project, name_of, printable
from pipeline.core.hashing import file_digest
from pipeline.core.params import PARAMS_FILE

_CLASSES = {"training_classes", "training_names", "unseen_classes"}
_LONG = {"history", "vocabulary", "class_names"}  # stands in the weights themselves


def card(files: Sequence[str], project: Project) -> dict[str, Any]:
    """The card of a row's weights as JSON. Raises FormatError for a file that this project has not written."""
    row = project.writer(files[0])
    settings = project.recorded(row[0]).get("params", {}).get(PARAMS_FILE.name, {}) if row else {}
    return {
        "row": row[0].name if row else None,
        "name": name_of(row[1] if row else files[0]),
        "params": settings,
        "files": [_file(path, project) for path in files],
    }


def _file(path: str, project: Project) -> dict[str, Any]:
    file = project.root / path
    header = checks.weights(file)
    meta = {key: value for key, value in sorted(header.meta.items()) if key not in _CLASSES | _LONG}
    return {
        "path": path,
        "sha256": file_digest(file),
        "num_tensors": header.num_tensors,
        "num_values": header.num_values,
        "classes_seen": header.meta.get("training_classes"),
        "names_seen": header.meta.get("training_names") or header.meta.get("class_names"),
        "classes_unseen": header.meta.get("unseen_classes"),
        "selection": _selection(header.meta),
        "metadata": meta,
    }


def _selection(meta: Mapping[str, Any]) -> str:
    """How one epoch of a training was chosen, as far as the metadata say it."""
    if meta.get("epoch") is None:
        return "no epoch of several"
    history, held_out = meta.get("history"), meta.get("num_held_out_clips")
    of_all = f" of {len(history)}" if isinstance(history, list) else ""
    by = f", by the loss of {held_out} held-out clips of the classes seen" if held_out else ", as the params say"
    return f"epoch {meta['epoch']}{of_all}{by}"


def lines(described: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A card as lines of text."""
    for file in described["files"]:
        yield f"{indent}{file['path']}"
        seen, names = file["classes_seen"], file["names_seen"]
        facts = {
            "SHA-256": file["sha256"],
            "values": f"{file['num_values']} in {file['num_tensors']} tensors",
            "classes seen": f"{len(seen)}: {_short(names or seen)}" if isinstance(seen, list) else "not said",
            "classes unseen": "not said" if file["classes_unseen"] is None else _short(file["classes_unseen"]),
            "selected": file["selection"],
            **{key: _short(value) for key, value in file["metadata"].items()},
        }
        yield from (f"{indent}  {key}: {printable(value)}" for key, value in facts.items())


def markdown(described: Sequence[Mapping[str, Any]], licence: str, note: str) -> str:
    """The page of a pack of weights."""
    text = ["# Weights", "", f"Licence: {licence}", "", *([note, ""] if note else [])]
    for each in described:
        text += [f"## {each['name']}", "", f"Made by the row `{each['row']}`."]
        text += ["", *(f"- params `{key}`: {_short(value)}" for key, value in each["params"].items())]
        text += ["", *(f"    {line}" for line in lines(each)), ""]
    return "\n".join(text)


def _short(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str | int) for each in value):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
