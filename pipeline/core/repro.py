"""What a person sees of a stage under `dvc repro`: which of how many it is, what it took, and at the end the slowest.

Lines stand on standard error and in .cache alone; no output depends on them.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.core.outputs import write_json
from pipeline.core.params import PARAMS_FILE
from pipeline.core.progress import say
from pipeline.core.runs import CACHE

_STAGE = "DVC_STAGE"  # DVC tells a command the name of its stage
_RANK = "TORCHELASTIC_RUN_ID"  # and of several processes of a stage, the one that has started them speaks
_DVC_YAML = Path("dvc.yaml")
_NUM_SLOWEST = 5
_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "fish", "ksh", "sh", "zsh"})


@contextmanager
def told() -> Iterator[None]:
    """Say the stage's place before a block, what it took after it, and after the last stage which took longest.

    Without DVC nothing is said: who types a stage's command knows what runs.
    """
    name = os.environ.get(_STAGE, "").rpartition(":")[2]
    if not name or _RANK in os.environ:
        yield
        return
    order = _order()
    place = order.index(name) + 1 if name in order else None
    say(f"stage {place} of {len(order)}: {name}" if place else f"stage {name}")
    start, state = time.perf_counter(), "stopped after"
    try:
        yield
        state = "took"
    except SystemExit as stopped:
        state = "stopped after" if stopped.code else "took"
        raise
    finally:
        seconds = time.perf_counter() - start
        say(f"{name} {state} {spent(seconds)}")
        took = _noted(name, seconds)
        if state == "took" and place == len(order):
            say(_summary(took))


def spent(seconds: float) -> str:
    """A duration as people say it.

    >>> spent(3.21), spent(125), spent(7260)
    ('3.2 s', '2 min 5 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def order(outs: Mapping[str, Sequence[str]], deps: Mapping[str, Sequence[str]]) -> list[str]:
    """Names of stages in the order in which `dvc repro` visits them: depth first, a stage after all that it reads.

    `outs` and `deps` are the paths of each stage, in the order written. What an output and an input share is a path:
    they are the same, or one lies in the other.
    """
    maker = {Path(out).parts: name for name, paths in outs.items() for out in paths}
    makers = {name: [made for dep in paths for made in _makers(Path(dep).parts, maker)] for name, paths in deps.items()}
    visited: dict[str, bool] = {}  # a name is there once it is entered; the order is that of leaving
    left: list[str] = []
    for root in outs:
        waiting = [(root, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                left.append(name)
            elif name not in visited:
                visited[name] = True
                waiting.append((name, True))
                waiting += [(made, False) for made in reversed(makers[name]) if made not in visited]
    return left


def _makers(dep: tuple[str, ...], maker: Mapping[tuple[str, ...], str]) -> list[str]:
    around = [maker[dep[:end]] for end in range(1, len(dep) + 1) if dep[:end] in maker]
    return around + [name for out, name in maker.items() if len(out) > len(dep) and out[: len(dep)] == dep]


def _order() -> list[str]:
    """The order of all stages under these params, kept until dvc.yaml or params.yaml changes; empty without them."""
    if not (_DVC_YAML.is_file() and PARAMS_FILE.is_file()):
        return []
    key = hashlib.sha256(_DVC_YAML.read_bytes() + b"\0" + PARAMS_FILE.read_bytes()).hexdigest()
    kept = _kept("order")
    if kept.get("of") == key and isinstance(kept.get("names"), list):
        return list(kept["names"])
    from pipeline.core import dag, params

    resolved = dag.instances(_DVC_YAML, params.read())
    names = order(
        {instance.name: instance.outs for instance in resolved}, {instance.name: instance.deps for instance in resolved}
    )
    _keep("order", {"of": key, "names": names})
    return names


def _noted(name: str, seconds: float) -> dict[str, float]:
    """Seconds by stage of this run of DVC, this stage among them."""
    run, kept = _dvc(), _kept("took")
    before = kept.get("seconds") if kept.get("of") == run else None
    took = {**(before if isinstance(before, dict) else {}), name: round(seconds, 3)}
    _keep("took", {"of": run, "seconds": took})
    return took


def _dvc() -> int:
    """The process of DVC: this one's parent, or beyond the shell that DVC gave the command to.

    Some shells become the command that they are given, others wait for it.
    """
    import psutil

    with suppress(psutil.Error):
        parent = psutil.Process().parent()
        while parent is not None and parent.name() in _SHELLS:
            parent = parent.parent()
        if parent is not None:
            return int(parent.pid)
    return os.getppid()


def _keep(name: str, value: dict[str, Any]) -> None:
    """Write a file of .cache/repro; where the disk refuses it the stage has run all the same."""
    with suppress(OSError):
        write_json(CACHE / "repro" / f"{name}.json", value)


def _kept(name: str) -> dict[str, Any]:
    """A file of .cache/repro, or nothing where it is missing or damaged."""
    try:
        kept = json.loads((CACHE / "repro" / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _summary(took: Mapping[str, float]) -> str:
    slowest = sorted(took, key=lambda name: -took[name])[:_NUM_SLOWEST]
    total = f"{len(took)} stages ran, {spent(sum(took.values()))} in all; the slowest: "
    return total + ", ".join(f"{name} {spent(took[name])}" for name in slowest)
