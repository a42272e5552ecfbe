"""plan: before `dvc repro` works: what is wrong with rows and data, what would run, how long and how big."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.commands import plan_cost, plan_data, plan_rows, profile
from pipeline.commands.plan_cost import Cost
from pipeline.commands.plan_data import Found
from pipeline.commands.plan_state import State
from pipeline.core import dag, params, profiles
from pipeline.core.dag import Instance
from pipeline.core.errors import ParamsError
from pipeline.core.profile_rules import Tree
from pipeline.core.sizes import size_text

_SECTION = re.compile(r"section '([^']+)'")
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True)
class Plan:
    """What was found. `problems` stop a stage, each with its remedy; `notes` do not; `todo` is what would run."""

    what: str
    problems: list[str]
    notes: list[str]
    num_instances: int
    todo: list[Instance]
    cost: Cost
    num_clips: dict[str, Counter[str]]  # by dataset, of each modality
    free_bytes: int


def plan(name: str | None, root: Path) -> Plan:
    """Look at params.yaml of a checkout, or at a profile, its data and what its last runs have left.

    Writes nothing. Raises ParamsError where there is nothing to look at: no such file, not YAML, no sections of rows.
    """
    file, tree, broken_rows = _read(name, root)
    told: list[ParamsError] = []
    instances = dag.instances(root / "dvc.yaml", tree, file, told)
    told += dag.faults(instances, tree, file)
    lock = root / "dvc.lock"
    locked: dict[str, Any] = profile.read_lock(lock).get("stages") or {} if lock.is_file() else {}
    state = State(instances, tree, locked, root)
    done = frozenset(instance.name for instance in instances if not state.runs(instance))
    # What a row lacks because it names a row that is not there is no second mistake.
    broken = _sections(*map(str, broken_rows))
    of_rows = [str(error) for error in broken_rows]
    of_rows += plan_rows.faults(
        tree, lambda stage, key: f"{stage}@{key}" not in done and f"{stage}.rows.{key}" not in broken, file
    )
    of_rows += plan_rows.absent_splits(tree, file)
    of_rows += [str(error) for error in told if not _sections(str(error)) & _sections(*of_rows)]
    faulty = _sections(*of_rows)
    sound = _without(tree, faulty)
    found = plan_data.look(sound, root, done, file)
    sizes = {instance.name: state.locked_bytes(instance) for instance in state.to_run}
    cost = plan_cost.cost(state.to_run, sizes, sound, found, root) if not of_rows else Cost()
    understood = [one for one in instances if f"{one.stage}.rows.{one.key}" not in faulty]
    unscanned = [profile.how_to_scan(folder) for folder in profile.unscanned(understood, root)]
    of_files = [*plan_rows.absent_files(instances, root), *unscanned]
    return Plan(
        str(params.PARAMS_FILE) if name is None else f"profile '{name}'",
        list(dict.fromkeys([*of_rows, *of_files, *found.problems, *cost.problems])),
        found.notes,
        len(instances),
        state.to_run,
        cost,
        _counted(found),
        shutil.disk_usage(root).free,
    )


def _read(name: str | None, root: Path) -> tuple[Path, Tree, list[ParamsError]]:
    """The file that is looked at, its complete tree, and what is wrong with single rows of it."""
    file = root / params.PARAMS_FILE if name is None else profile.file(name)
    stages = [stage for stage, entry in dag.read_stages(root / "dvc.yaml").items() if "foreach" in entry]
    told: list[ParamsError] = []
    return file, profiles.expand(params.read(file), stages, file, told), told


def _sections(*problems: str) -> set[str]:
    """The sections that problems are about, as `align.rows.mine`."""
    return {section for problem in problems for section in _SECTION.findall(problem)}


def _without(tree: Tree, sections: set[str]) -> Tree:
    """A tree without the rows that some sections are, or are parts of."""
    around = {".".join(section.split(".")[:end]) for section in sections for end in range(3, section.count(".") + 2)}
    return {
        stage: section
        | {"rows": {key: row for key, row in section["rows"].items() if f"{stage}.rows.{key}" not in around}}
        if "rows" in section
        else section
        for stage, section in tree.items()
    }


def _counted(found: Found) -> dict[str, Counter[str]]:
    return {
        name: Counter(clip.modality for clip in known.rows if clip.reason is None)
        for name, known in found.datasets.items()
        if known.rows is not None
    }


def lines(made: Plan) -> Iterator[str]:
    """A plan in words, the problems first."""
    if made.problems:
        yield f"{len(made.problems)} problem{'s' * (len(made.problems) > 1)} in {made.what}:"
        yield from (f"  {number}. {problem}" for number, problem in enumerate(made.problems, 1))
    else:
        yield f"{made.what}: no problem was found"
    yield from (f"note: {note}" for note in made.notes)
    for name, counts in made.num_clips.items():
        yield f"{name}: {', '.join(f'{number} {modality}' for modality, number in sorted(counts.items()))} clips"
    num_done = made.num_instances - len(made.todo)
    if not made.todo:
        yield f"all {made.num_instances} stage instances are up to date; `dvc repro` would run nothing"
        return
    yield f"to run: {len(made.todo)} of {made.num_instances} stage instances; {num_done} are up to date"
    yield f"        {_stages(made.todo)}"
    yield from _time(made.todo, made.cost)
    yield from _disk(made)


def _time(todo: Sequence[Instance], cost: Cost) -> Iterator[str]:
    """Seconds in words, and what they are the sum of."""
    tried = "from a few clips tried now, training for all its epochs"
    for seconds, source in ((cost.before, "as their last runs took"), (cost.tried, tried)):
        known = [one for one in todo if one.name in seconds]
        if known:
            yield f"time: about {_duration(sum(seconds.values()))} for {_stages(known)}, {source}"
    unknown = [one for one in todo if one.name not in {*cost.before, *cost.tried}]
    if unknown:
        which = _stages(unknown) if len(unknown) < len(todo) else "any of them"
        yield f"time: not known for {which}, before a first run here"


def _disk(made: Plan) -> Iterator[str]:
    """Bytes in words, and of how many instances."""
    num_bytes = made.cost.num_bytes
    if num_bytes:
        yield (
            f"disk: about {size_text(sum(num_bytes.values()))} for outputs of {len(num_bytes)} of them, the others are "
            f"not known; {size_text(made.free_bytes)} are free"
        )


def _stages(instances: Sequence[Instance]) -> str:
    """How many instances of each stage, as `extract 5, bind 1`."""
    return ", ".join(f"{stage} {number}" for stage, number in Counter(one.stage for one in instances).items())


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"
