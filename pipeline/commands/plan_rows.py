"""plan: the rows of a profile against the models of the stages that read them, and against each other."""

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from pipeline.core import dag, members, params, stamp
from pipeline.core.dag import Instance
from pipeline.core.errors import UnseenError
from pipeline.core.near_names import hint
from pipeline.core.profile_rules import Tree
from pipeline.datasets import shared

# What each stage's file in stages/ loads, by section. Those in the second block bring torch, which takes seconds.
MODELS = {
    "synthesize.rows": "pipeline.steps.synthesize.Row",
    "synthesize.compute": "pipeline.compute.shared.Compute",
    "graph.rows": "pipeline.steps.graph.Row",
    "graph.compute": "pipeline.compute.shared.Compute",
    "caption.rows": "pipeline.steps.caption.Params",
    "caption.compute": "pipeline.compute.shared.Compute",
    "negate.rows": "pipeline.steps.negate.Params",
    "negate.compute": "pipeline.compute.shared.Compute",
    "ingest.rows": "pipeline.steps.ingest.Row",
    "ingest.checks": "pipeline.steps.ingest.Checks",
    "split.rows": "pipeline.steps.split.Row",
    "prompt.rows": "pipeline.steps.prompt.Row",
    "prompt.captions": "pipeline.text.captions.Params",
    "embed.rows": "pipeline.steps.embed.Row",
    "embed.compute": "pipeline.steps.embed.Compute",
    "preprocess.rows": "pipeline.sources.decoding.Row",
    "preprocess.checks": "pipeline.steps.preprocess.Checks",
    "preprocess.compute": "pipeline.compute.shared.Compute",
    "adopt.rows": "pipeline.steps.adopt.Row",
    "align.rows": "pipeline.steps.align.Row",
    "align.compute": "pipeline.training.method_rows.Compute",
    "transfer.rows": "pipeline.steps.transfer.Row",
    "transfer.folds": "pipeline.transfer.params.Folds",
    "transfer.page": "pipeline.reporting.transfer.PageParams",
    "cross.rows": "pipeline.steps.cross.Row",
    "evaluate.rows": "pipeline.steps.evaluate.EvaluateRow",
    "evaluate.bootstrap": "pipeline.steps.evaluate.Bootstrap",
    "compare.rows": "pipeline.steps.compare.Row",
    "compare.bootstrap": "pipeline.steps.compare.Bootstrap",
    "compare.measure": "pipeline.steps.compare.Measure",
    "retrieve.rows": "pipeline.steps.retrieve.Row",
    "retrieve.bootstrap": "pipeline.steps.retrieve.Bootstrap",
    #
    "extract.rows": "pipeline.steps.extract.Row",
    "extract.batches": "pipeline.training.encoding.Batches",
    "extract.compute": "pipeline.compute.shared.Compute",
    "pretrain.rows": "pipeline.steps.pretrain.Row",
    "pretrain.compute": "pipeline.compute.shared.Compute",
    "pretrain.running": "pipeline.training.loop.Running",
    "finetune.rows": "pipeline.steps.finetune.Row",
    "finetune.running": "pipeline.training.loop.Running",
    "bind.rows": "pipeline.steps.bind.Row",
    "bind.batches": "pipeline.training.encoding.Batches",
    "bind.running": "pipeline.training.loop.Running",
    "rest.rows": "pipeline.steps.rest.Row",
    "rest.running": "pipeline.training.loop.Running",
}


def faults(tree: Tree, wanted: Callable[[str, str], bool], file: Path) -> Iterator[str]:
    """What the stages would say of their rows and settings; `wanted` tells which stage and row to look at."""
    for section, path in MODELS.items():
        stage, part = section.split(".")
        keys = [key for key in tree[stage].get("rows", {}) if wanted(stage, key)] if stage in tree else []
        if keys:
            model: type[BaseModel] = pkgutil.resolve_name(path)
            named = [f"{section}.{key}" for key in keys] if part == "rows" else [section]
            yield from _told(partial(_parsed, tree, model, file), named)
    yield from _members(tree, wanted, file)


def _told(check: Callable[[str], object], sections: Iterable[str]) -> Iterator[str]:
    """The errors of a check of each section."""
    for section in sections:
        try:
            check(section)
        except UnseenError as error:
            yield str(error)


def _parsed(tree: Tree, model: type[BaseModel], file: Path, section: str) -> object:
    return params.parse(model, dag.look_up(tree, section, f"{file}: section '{section}':"), section, file)


def _members(tree: Tree, wanted: Callable[[str, str], bool], file: Path) -> Iterator[str]:
    """Names of members, and the options that the member itself understands."""
    chosen = [named for stage, key, row in _rows(tree, wanted) for named in _chosen(stage, key, row)]
    used = {(row.get("method"), row.get("variant")) for _, _, row in _rows(tree, wanted, "align")}
    chosen += [
        (f"align.methods.{name}.{variant}", "pipeline.models.methods", name, options)
        for name, variants in tree.get("align", {}).get("methods", {}).items()
        for variant, options in variants.items()
        if (name, variant) in used
    ]
    for section, package, name, options in chosen:
        try:
            if package == shared.PACKAGE:
                shared.load(str(name))  # which knows collections of the user's own, too
                continue
            member = members.load(package, str(name))
            if options is not None:
                params.parse(member.Params, options, section, file)
        except UnseenError as error:
            yield str(error) if str(error).startswith(str(file)) else f"{file}: section '{section}': {error}"


def _chosen(stage: str, key: str, row: Tree) -> Iterator[tuple[str, str, object, object]]:
    """Section, package, name and options of the members that a row names; None where the options are not its own."""
    section, senses = f"{stage}.rows.{key}", f"pipeline.modalities.{row.get('modality')}"
    if stage == "ingest":
        yield section, shared.PACKAGE, key, None
    elif stage == "align":
        yield section, "pipeline.models.methods", row.get("method"), None
    elif stage == "embed":
        yield section, "pipeline.models.text_encoders", row.get("encoder"), None
    elif stage == "preprocess":
        yield f"{section}.options", f"{senses}.recipes", row.get("recipe"), row.get("options")
    elif stage == "pretrain":
        yield f"{section}.options", senses, row.get("encoder"), row.get("options")
    elif stage == "bind":
        for name, sense in row.get("senses", {}).items():
            of_sense = f"pipeline.modalities.{sense.get('modality')}"
            yield f"{section}.senses.{name}.options", of_sense, sense.get("encoder"), sense.get("options")


def _rows(tree: Tree, wanted: Callable[[str, str], bool], *stages: str) -> Iterator[tuple[str, str, Tree]]:
    """Every wanted row with its stage and key."""
    for stage in stages or tree:
        for key, row in tree[stage].get("rows", {}).items():
            if wanted(stage, key):
                yield stage, key, row


def absent_splits(tree: Tree, file: Path) -> Iterator[str]:
    """Splits that a row names and its split table lacks."""
    tables = tree.get("split", {}).get("rows", {})
    asked = [(f"{stage}.rows.{key}", row) for stage, key, row in _rows(tree, lambda *_: True)]
    sides = [(f"{section}.{name}", row[name]) for section, row in asked for name in ("source", "target") if name in row]
    for section, row in [*asked, *((name, side) for name, side in sides if isinstance(side, dict))]:
        table = tables.get(f"{row.get('dataset')}-{row.get('split_table')}")
        named = row.get("splits", [row["split"]] if "split" in row else [])
        for split in named if table and isinstance(named, list) else []:
            known = table.get("splits", [])
            if split not in known:
                text = (
                    f"names the split '{split}', the table has {known}{hint(split, known)}; name one, or add it there"
                )
                yield f"{file}: section '{section}' {text}"


def absent_files(instances: Sequence[Instance], root: Path) -> Iterator[str]:
    """Files from outside that rows name and that are not there; stamps and what lies in their folders are not asked."""
    outs = {out for instance in instances for out in instance.outs}
    raw = {
        dep.removesuffix(stamp.ENDING) for instance in instances for dep in instance.deps if dep.endswith(stamp.ENDING)
    }
    naming: dict[str, list[str]] = {}
    for instance in instances:
        for dep in instance.deps:
            inside = any(Path(dep).is_relative_to(folder) and not (root / folder).is_dir() for folder in raw)
            column, stage, *_ = *Path(dep).parts, ""
            is_of_stage = column in dag.COLUMNS and stage != "raw"  # a folder of rows, if not what one of them writes
            is_asked = not (inside or is_of_stage or dep.endswith(stamp.ENDING) or dep == str(params.PARAMS_FILE))
            if is_asked and dep not in outs and not (root / dep).exists():
                naming.setdefault(dep, []).append(instance.name)
    for path, names in naming.items():
        near = hint(Path(path).name, _beside(root / path))
        yield f"{path}: no such file{near}, which {names[0]} reads{_more(names)}; put it there, or name another"


def _beside(path: Path) -> Mapping[str, None]:
    return dict.fromkeys(file.name for file in path.parent.iterdir()) if path.parent.is_dir() else {}


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more read" if len(names) > 1 else ""
