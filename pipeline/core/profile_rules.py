"""What follows for a row of a profile from other rows and from its own name: `RULES`, at most one rule a stage.

A rule returns keys and values; the row takes those that it does not say. It is asked after the rules of all earlier
stages, so it finds the rows of these complete. A stage without a rule has rows that say everything themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import ParamsError
from pipeline.core.near_names import hint

Tree = dict[str, Any]
Rows = dict[str, Tree]

VECTORS = ("extract", "adopt", "bind", "rest")  # whose outputs a row names as its `features`
_PRETRAINED = "features/pretrain/"


@dataclass(frozen=True)
class Row:
    """A row that is being written out, among the rows of all stages."""

    file: Path
    rows: Mapping[str, Rows]
    stage: str
    key: str

    def says(self, *path: str) -> Any:
        """The value at a path of keys; None where the row has no such key."""
        value: Any = self.rows[self.stage][self.key]
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def other(self, stage: str, key: object) -> Tree:
        """The row that this one names. Raises ParamsError where it does not exist."""
        rows = self.rows.get(stage, {})
        if key not in rows:
            raise self._error(
                f"names the row '{key}' of {stage}, which does not exist; there are {sorted(rows)}{hint(key, rows)}"
            )
        return rows[str(key)]

    def features(self, path: object) -> Tree:
        """The row that leaves these features, as extract/ROW.zarr; of a row of rest the dataset's part."""
        if path is None:
            return {}
        stage, key, store, *_ = [*(part.removesuffix(".zarr") for part in str(path).split("/")), "", ""]
        if stage not in VECTORS:
            raise self._error(f"names features '{path}'; expected those of {', '.join(VECTORS)}, as extract/ROW.zarr")
        row = self.other(stage, key)
        if stage != "rest":
            return row
        datasets = _datasets(row)
        if store not in datasets:
            raise self._error(f"names features '{path}', but row '{key}' of rest has the datasets {sorted(datasets)}")
        return datasets[store]

    def splits(self, task: Mapping[str, Any]) -> Tree:
        """All splits of the split table that a task names."""
        if task.get("dataset") is None or task.get("split_table") is None:
            return {}
        return _pick(self.other("split", f"{task['dataset']}-{task['split_table']}"), "splits")

    def _error(self, text: str) -> ParamsError:
        return fault(self.file, f"{self.stage}.rows.{self.key}", text)


# The rules: what follows for a row from other rows and from its own name.


def _recorded(row: Row) -> Tree:
    """A dataset or corpus lies in the world of its name, or else where its user keeps it."""
    place = "synthesize" if row.key in row.rows.get("synthesize", {}) else "raw"
    return {"source": f"data/{place}/{row.key}"}


def _negate(row: Row) -> Tree:
    return _pick(row.other("graph", row.key), "source")


def _named(*keys: str) -> Callable[[Row], Tree]:
    """Of rows whose name is these values, joined by hyphens."""

    def rule(row: Row) -> Tree:
        values = row.key.split("-", len(keys) - 1)
        return dict(zip(keys, values, strict=True)) if len(values) == len(keys) else {}

    return rule


def _split(row: Row) -> Tree:
    """A fifth of the seen classes, at least three, are val classes; a target has none (docs/protocols.md)."""
    is_target = row.says("protocol") is None
    return _named("dataset", "name")(row) | {"val_classes": None if is_target else {"share": 0.2, "min": 3}}


def _ingested(*keys: str) -> Callable[[Row], Tree]:
    """Of rows named in the same way that read the recordings of a dataset."""

    def rule(row: Row) -> Tree:
        named = _named(*keys)(row)
        dataset = row.says("dataset") or named.get("dataset")
        return named | (_pick(row.other("ingest", dataset), "source") if dataset else {})

    return rule


def _pretrain(row: Row) -> Tree:
    """An encoder that no text teaches reads the clips table."""
    dataset = row.says("dataset")
    is_told = row.says("text") is not None
    return row.splits(row.says()) | ({} if is_told or not dataset else {"taught_by": f"data/ingest/{dataset}.parquet"})


def _extract(row: Row) -> Tree:
    """Weights are those of the row's name where there are such; the row that trained them says what they are of."""
    trained = row.rows.get("pretrain", {})
    weights = row.says("weights") or (f"{_PRETRAINED}{row.key}" if row.key in trained else "")
    if not weights.startswith(_PRETRAINED):
        return {}
    encoder = row.other("pretrain", weights.removeprefix(_PRETRAINED))
    of_encoder = _pick(encoder, "dataset", "split_table", "modality", "recipe", "encoder")
    return of_encoder | {"weights": weights, "options": {}}


def _bind(row: Row) -> Tree:
    senses = {name: {"modality": name} for name in row.says("senses") or ()}
    return row.splits(row.says()) | {"senses": senses}


def _rest(row: Row) -> Tree:
    """Videos are read where ingest found them."""
    source, targets = row.says("source", "dataset"), row.says("targets") or ()
    files = {name: {"files": row.other("ingest", name)["source"]} for name in (source, *targets) if name}
    return {"source": files.get(source, {}), "targets": {name: files[name] for name in targets}}


def _scored(row: Row) -> Tree:
    """Features are of a dataset and, unless their encoder has none, of a split table."""
    if row.says("embeddings"):
        row.other("embed", row.says("embeddings"))
    task = _pick(row.features(row.says("features")), "dataset", "split_table")
    return task | row.splits(task | row.says())


def _align(row: Row) -> Tree:
    """`both` alone refits on other features; for the rest this names a file of the same ones."""
    features = row.says("features")
    return _scored(row) | ({"refit_features": f"{features}/zarr.json"} if features else {})


def _cross(row: Row) -> Tree:
    keys = ("dataset", "split_table", "split", "embeddings")
    source = _pick(row.features(row.says("source", "features")), *keys)
    target = _pick(row.features(row.says("target", "features")), *keys)
    return {"source": source, "target": target} | row.splits(target | (row.says("target") or {}))


def _evaluate(row: Row) -> Tree:
    stage, _, key = str(row.says("scores")).partition("/")
    scored = row.other(stage, key)
    return _pick(scored.get("target", scored), "dataset", "split_table", "embeddings")


def _retrieve(row: Row) -> Tree:
    bound = row.says("bound") or row.key
    return {"bound": bound} | _pick(row.other("bind", bound), "dataset", "split_table")


RULES: dict[str, Callable[[Row], Tree]] = {
    "graph": _recorded,
    "negate": _negate,
    "ingest": _recorded,
    "split": _split,
    "prompt": _named("dataset"),
    "preprocess": _ingested("dataset", "modality", "recipe"),
    "pretrain": _pretrain,
    "extract": _extract,
    "adopt": _ingested("dataset"),
    "bind": _bind,
    "rest": _rest,
    "align": _align,
    "transfer": _scored,
    "cross": _cross,
    "evaluate": _evaluate,
    "retrieve": _retrieve,
}


def _datasets(row: Tree) -> Rows:
    """What a row of rest says of its source and of each target, by dataset."""
    source = row.get("source", {})
    targets = {name: {"dataset": name, **target} for name, target in row.get("targets", {}).items()}
    return {str(source.get("dataset")): source} | targets


def _pick(row: Tree, *keys: str) -> Tree:
    """These keys of a row; one that it lacks, or that is null, is left out."""
    return {key: row[key] for key in keys if row.get(key) is not None}


def filled(row: Tree, derived: Tree) -> Tree:
    """The row with what it lacks, also within those of its values that have keys themselves."""
    inner = {key: filled(value, derived[key]) for key, value in row.items() if _has_keys(value, derived.get(key))}
    return row | lacking(row, derived) | inner


def lacking(row: Tree, derived: Tree) -> Tree:
    """What the row does not say itself, of what is derived for it."""
    return {key: value for key, value in derived.items() if key not in row}


def _has_keys(*values: object) -> bool:
    return all(isinstance(value, dict) for value in values)


def fault(file: Path, section: str, text: str) -> ParamsError:
    """What is wrong with a section or row of a profile."""
    return ParamsError(f"{file}: section '{section}' {text}")
