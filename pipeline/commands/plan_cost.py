"""plan: about how long the work takes and how much disk it fills, from earlier runs and from a few clips tried now."""

# Shapes: N clips, C channels, T frames.
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import modalities
from pipeline.commands.plan_data import Found
from pipeline.core import tables
from pipeline.core.array_cache import ArrayCache
from pipeline.core.dag import Instance
from pipeline.core.errors import UnseenError
from pipeline.core.profile_rules import Tree
from pipeline.core.runs import CACHE
from pipeline.core.schemas import CLIPS
from pipeline.sources import blocks, decoding
from pipeline.sources.decoding import Block
from pipeline.steps import preprocess

_BATCH, _SLOW_BATCH = 16, 2  # clips of the training step that is tried, and where one clip takes longer than
_SLOW_SECONDS = 0.25


@dataclass
class Cost:
    """Seconds by instance as they took before, or as tried now, and bytes; what is in neither is not known."""

    before: dict[str, float] = field(default_factory=dict)
    tried: dict[str, float] = field(default_factory=dict)
    num_bytes: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Sample:
    """What preparing a few clips gave: seconds and bytes a clip, and the shape and layout of the arrays."""

    seconds: float
    num_bytes: int
    shape: tuple[int, ...]
    layout: str


def cost(todo: Sequence[Instance], sizes: Mapping[str, int | None], tree: Tree, found: Found, root: Path) -> Cost:
    """Estimate instances; `sizes` are those of the outputs of their last run. Only what has no earlier run is tried."""
    told = Cost(before=_before(todo, root / CACHE), num_bytes={name: size for name, size in sizes.items() if size})
    samples: dict[tuple[str, str, str], _Sample] = {}
    steps: dict[str, float] = {}
    for instance in todo:
        known = instance.name in told.before
        if instance.stage == "ingest" and instance.key in found.datasets and not known:
            _reading(instance, found, told)
        elif instance.stage == "preprocess" and instance.key and not known:
            try:
                _preparing(instance, tree, found, root, samples, told)
            except UnseenError as error:
                told.problems.append(f"preprocess.rows.{instance.key}: {error}")
        elif instance.stage == "pretrain" and instance.key and not known:
            _learning(instance, tree, found, (samples, steps), told)
    return told


def _before(todo: Sequence[Instance], cache: Path) -> dict[str, float]:
    """The seconds of the last finished run of each instance, as the run log has them."""
    seconds: dict[str, float] = {}
    for stage in sorted({instance.stage for instance in todo}):
        log = cache / "runs" / f"{stage}.jsonl"
        for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
            try:
                facts = json.loads(line)
                if facts["state"] == "finished":
                    seconds[f"{stage}@{facts['row']}"] = float(facts["seconds"])
            except (ValueError, LookupError, TypeError):  # of a machine that stopped while it wrote
                continue
    names = {
        instance.name: instance.name if instance.key else f"{instance.stage}@{instance.stage}" for instance in todo
    }
    return {name: seconds[logged] for name, logged in names.items() if logged in seconds}


def _reading(instance: Instance, found: Found, told: Cost) -> None:
    known = found.datasets[str(instance.key)]
    if known.rows is not None and known.seconds:
        told.tried[instance.name] = sum(known.seconds.get(clip.modality, 0.0) for clip in known.rows)


def _preparing(
    instance: Instance,
    tree: Tree,
    found: Found,
    root: Path,
    samples: dict[tuple[str, str, str], _Sample],
    told: Cost,
) -> None:
    """Prepare the clips of a row that were read, in a folder that is removed."""
    row = decoding.Row.model_validate(tree["preprocess"]["rows"][instance.key])
    known = found.datasets.get(row.dataset)
    read = [clip for rows in known.read.values() for clip in rows if clip.reason is None] if known else []
    if known is None or known.rows is None or not any(clip.modality == row.modality for clip in read):
        return
    with tempfile.TemporaryDirectory() as scratch:
        table, cached = Path(scratch) / "clips.parquet", ArrayCache(Path(scratch) / "samples")
        tables.write(table, CLIPS, read, {"dataset": row.dataset, "class_names": known.names})
        clips = preprocess.accepted(table, row, root / row.source)
        start = time.perf_counter()
        blocks.decode(Block(row, f"preprocess.rows.{instance.key}.options", root / row.source, cached.folder, clips))
        seconds = (time.perf_counter() - start) / len(clips)
        loaded = [made for clip in clips if (made := cached.load(clip.key)) is not None]
    good = [(header, x_CT) for header, x_CT in loaded if "reason" not in header]
    if not good:
        reason = next((header["reason"] for header, _ in loaded), "no clip could be prepared")
        told.problems.append(
            f"preprocess.rows.{instance.key}: none of {len(clips)} clips that were tried can be prepared: {reason}"
        )
        return
    header, x_CT = good[0]
    sample = _Sample(seconds, max(x.nbytes for _, x in good), x_CT.shape, str(header["layout"]))
    samples[row.dataset, row.modality, row.recipe] = sample
    num_clips = sum(clip.modality == row.modality and clip.reason is None for clip in known.rows)
    workers = tree["preprocess"]["compute"]
    told.tried[instance.name] = seconds * num_clips / (workers["num_workers"] if workers["engine"] != "inline" else 1)
    told.num_bytes[instance.name] = sample.num_bytes * num_clips


def _learning(
    instance: Instance,
    tree: Tree,
    found: Found,
    known: tuple[Mapping[tuple[str, str, str], _Sample], dict[str, float]],
    told: Cost,
) -> None:
    """Time one training step of a row, on clips of noise, and count the clips that it learns from at most.

    `known` are the samples of arrays, and the steps that were timed before: rows of the same encoder are many.
    """
    row, (samples, steps) = tree["pretrain"]["rows"][instance.key], known
    sample = samples.get((row["dataset"], row["modality"], row["recipe"]))
    table = f"{row['dataset']}-{row['split_table']}"
    counts = [found.num_clips[table, name] for name in row["splits"] if (table, name) in found.num_clips]
    if sample is None or not counts:
        return
    num_clips = sum(count["fit"] + (count["val"] if row["classes"] == "seen" else 0) for count in counts)
    what = f"{sample.shape} {row['modality']} {row['encoder']} {row['options']} {row['training']['num_threads']}"
    if what not in steps:
        steps[what] = _step(row, sample, f"pretrain.rows.{instance.key}.options")
    told.tried[instance.name] = steps[what] * num_clips * row["training"]["num_epochs"] * len(row["seeds"])


def _step(row: Tree, sample: _Sample, section: str) -> float:
    """Seconds a clip of one step of training, on the device that training would take."""
    import torch  # seconds, for rows that were never trained alone

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(row["training"]["num_threads"])
    module = modalities.sense(row["modality"]).build(row["encoder"], row["options"], sample.layout, section).to(device)

    def seconds(num_clips: int) -> float:
        x_NCT = torch.randn(num_clips, *sample.shape, device=device)
        start = time.perf_counter()
        module(x_NCT).square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / num_clips

    seconds(2)  # warms up; batch norm wants two clips
    num_clips = _BATCH if seconds(2) < _SLOW_SECONDS else _SLOW_BATCH
    return seconds(min(num_clips, row["training"]["batch_size"]))
