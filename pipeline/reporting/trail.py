"""The trail of a result: every row of every stage that it rests on, with its params, its page and its files' digests.

It is read off `dvc.yaml` and `params.yaml` alone. What depends on the machine (seconds) or the checkout (commit, what
`dvc.lock` has recorded) is printed by `unseen trail` and stands in no page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.core import dag, yaml_text
from pipeline.core.dag import Instance
from pipeline.reporting.evidence import Evidence, StagePage


@dataclass(frozen=True)
class Step:
    """One row on the way to a result."""

    stage: str
    row: str
    params: str  # as they stand in params.yaml, sections below each other
    reads: tuple[str, ...]
    page: StagePage | None
    digests: list[tuple[str, str]]  # shown name and SHA-256 of its files that the report has read


@dataclass(frozen=True)
class Plan:
    """What the pipeline was asked to do: all rows of all stages, and the params that say so."""

    instances: Sequence[Instance]
    params: Mapping[str, Any]


def steps(result: str, plan: Plan, evidence: Evidence) -> list[Step]:
    """The way from a row of evaluate back to the recordings; empty where the params have no such row."""
    return [
        _step(one, plan.params, evidence) for one in dag.upstream(plan.instances, f"evaluate@{result}", plan.params)
    ]


def _step(instance: Instance, params: Mapping[str, Any], evidence: Evidence) -> Step:
    row = instance.key or instance.stage
    page = next((page for page in evidence.all_shown if (page.stage, page.row) == (instance.stage, row)), None)
    begin = (f"{instance.stage}/{row}.", f"{instance.stage}/{row}/")
    digests = [pair for pair in evidence.digests if pair[0].startswith(begin)]
    return Step(instance.stage, row, _text(instance, params), instance.deps, page, digests)


def _text(instance: Instance, params: Mapping[str, Any]) -> str:
    """The values that the instance reads, under their keys and nothing else."""
    tree: dict[str, Any] = {}
    for path in instance.params:
        node, kept, parts = params, tree, path.split(".")
        for part in parts[:-1]:
            node, kept = node[part], kept.setdefault(part, {})
        kept[parts[-1]] = node[parts[-1]]
    return yaml_text.sections(tree)
