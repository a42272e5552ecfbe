"""The profile of a collection: rows of every stage from recordings to a report, fitted to its size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.commands.collection.files import Facts
from pipeline.core.roles import ValClasses

FEWEST_CLASSES = 7  # two unseen, two to select on, three to learn from
_STEPS = 400  # of training, about as many as the shipped profile of UTD-MHAD takes
_PICTURE_ENCODERS = {
    "depth": ("metric", "r2plus1d", "{widths: [12, 24, 48, 96], dropout: 0.3}", "3.0e-3"),
    "thermal": ("display", "r2plus1d", "{widths: [12, 24, 48, 96], dropout: 0.3}", "3.0e-3"),
    "video": ("small", "framecnn", "{widths: [16, 32, 64], dim: 128, dropout: 0.3}", "2.0e-3"),
}
_DEPTH_SENSORS = {(240, 320): "kinect_v1", (424, 512): "kinect_v2"}
_SAMPLING = "{num_frames: 16, stride: 0, position: 0.5}"


@dataclass(frozen=True)
class Sizes:
    """What depends on the number of classes and clips."""

    num_classes: int
    num_unseen: int
    val_classes: ValClasses
    num_training_clips: dict[str, int]  # by sense

    @property
    def num_fit_classes(self) -> int:
        """The classes that are learnt from while settings are selected."""
        num_seen = self.num_classes - self.num_unseen
        return num_seen - self.val_classes.number(num_seen)

    def batch_size(self, sense: str) -> int:
        """Small where there are few clips, so that an epoch has several steps."""
        num_clips = self._num_fit_clips(sense)
        return 8 if num_clips < 100 else 16 if num_clips < 5_000 else 64

    def num_epochs(self, sense: str) -> int:
        """So many that some hundred steps are taken, within reason."""
        steps = math.ceil(self._num_fit_clips(sense) / self.batch_size(sense))
        return min(30, max(8, math.ceil(_STEPS / max(1, steps))))

    def _num_fit_clips(self, sense: str) -> int:
        return self.num_training_clips[sense] * self.num_fit_classes // self.num_classes


def fitted(num_classes: int, num_training_clips: Mapping[str, int]) -> Sizes:
    """A fifth of the classes is unseen, two at least; with few classes two are enough to select on."""
    val_classes = ValClasses(share=0.2, min=3 if num_classes >= 12 else 2)
    return Sizes(num_classes, max(2, round(num_classes / 5)), val_classes, dict(num_training_clips))


def written(name: str, sizes: Sizes, facts: Mapping[str, Facts], *, has_contexts: bool) -> str:
    """The text of NAME.yaml for the senses of `facts`."""
    senses = list(facts)
    described = "context" if has_contexts else "label"
    parts = [
        f"# {name}: {', '.join(senses)}; recordings, lists and classes of your own, written by `unseen dataset new`",
        _DATA.format(
            name=name,
            num_unseen=sizes.num_unseen,
            num_classes=sizes.num_classes,
            share=f"{sizes.val_classes.share:g}",
            least=sizes.val_classes.min,
            num_fit=sizes.num_fit_classes,
            splits="\n".join(f"    {name}-{sense}: {{modality: {sense}}}" for sense in senses),
            sources="{context: [class_list]}" if has_contexts else "{}",
            hint="" if has_contexts else "  # write a sentence a class into `context`, then {context: [class_list]}",
            movement=described,
        ),
        _PREPROCESS + "\n".join(_arrays(name, sense, facts[sense]) for sense in senses),
        _PRETRAIN.format(name=name) + "\n".join(_training(name, sense, sizes) for sense in senses),
        _EXTRACT + "\n".join(_vectors(name, sense) for sense in senses),
        _ALIGN.format(name=name, described=described) + "\n".join(_scores(name, sense) for sense in senses),
        _transfer(name, senses, sizes),
        _evaluate(name, senses),
        _report(name, senses, sizes),
    ]
    return "\n\n".join(parts) + "\n"


def encoder_row(name: str, sense: str) -> str:
    """The name of the row that trains the encoder of a sense."""
    encoder = "stgcn" if sense == "skeleton" else _PICTURE_ENCODERS[sense][1]
    return f"{name}-{sense}-{encoder}"


def _methods(name: str, sense: str) -> dict[str, str]:
    """The rows of a sense that leave scores, with what they are called in the report."""
    encoder = encoder_row(name, sense)
    rows = {f"{encoder}-ridge": "ridge", f"{encoder}-devise": "DeViSE", f"{encoder}-prototypes": "composed prototypes"}
    return ({f"{name}-skeleton-ours": "ours, no network"} if sense == "skeleton" else {}) | rows


def _arrays(name: str, sense: str, facts: Facts) -> str:
    if sense == "skeleton":
        up = "y" if facts.upward == "y" else "auto"
        return (
            f"    {name}-skeleton-dvta50: {{options: {{num_frames: 50, num_bodies: {facts.num_bodies}}}}}\n"
            f"    {name}-skeleton-whole50: {{options: {{num_frames: 50, num_bodies: 1, smoothing: 3, up: {up}}}}}"
        )
    recipe = _PICTURE_ENCODERS[sense][0]
    size = "height: 48, width: 64"
    more = {
        "video": "",
        "thermal": ", sensor: thermal, stretch: clip",
        "depth": f", sensor: {_DEPTH_SENSORS.get(facts.size or (0, 0), 'kinect_v2')}, unit: nearness, "
        f"crop: {'mask' if facts.is_masked else 'none'}, margin: {'0.05' if facts.is_masked else '0.0'}",
    }[sense]
    remark = "" if sense != "depth" or facts.size in _DEPTH_SENSORS else "  # the sensor tells the range: see docs"
    return f"    {name}-{sense}-{recipe}:{remark}\n      options: {{sampling: {_SAMPLING}, {size}{more}}}"


def _training(name: str, sense: str, sizes: Sizes) -> str:
    if sense == "skeleton":
        recipe, encoder, options, lr = "dvta50", "stgcn", "{graph: paper, plan: reduced, dropout: 0.1}", "5.0e-3"
    else:
        recipe, encoder, options, lr = _PICTURE_ENCODERS[sense]
    epochs = sizes.num_epochs(sense)
    return f"""\
    {encoder_row(name, sense)}:
      split_table: {sense}
      modality: {sense}
      recipe: {recipe}
      encoder: {encoder}
      options: {options}
      training:
        {{optimizer: {{name: adam, lr: {lr}, weight_decay: 1.0e-4, fused: false}}, schedule: cosine,
         num_epochs: {epochs}, warmup_epochs: 1, patience: {max(5, epochs // 2)}, batch_size: {sizes.batch_size(sense)},
         accumulate: 1, clip_norm: null, ema: null, precision: "32", num_threads: 2, devices: 1}}"""


def _vectors(name: str, sense: str) -> str:
    row = f"    {encoder_row(name, sense)}: {{}}"
    if sense != "skeleton":
        return row
    return f"""{row}
    {name}-skeleton-kinematics:  # closed formulas without weights: no file is opened
      {{dataset: {name}, split_table: null, modality: skeleton, recipe: whole50, encoder: kinematics,
       weights: requirements.txt, options: {{}}}}"""


def _scores(name: str, sense: str) -> str:
    encoder = encoder_row(name, sense)
    features = f"features: extract/{encoder}.zarr"
    rows = [
        f"    {encoder}-ridge: {{method: ridge, variant: plain, {features}}}",
        f"    {encoder}-devise: {{method: devise, variant: plain, {features}}}",
    ]
    if sense == "skeleton":
        kinematics = f"extract/{name}-skeleton-kinematics.zarr"
        rows.insert(
            0,
            f"    {name}-skeleton-ours:\n"
            f"      {{method: ours, variant: full, features: {kinematics}, split_table: skeleton}}",
        )
    return "\n".join(rows)


def _transfer(name: str, senses: Sequence[str], sizes: Sizes) -> str:
    """K, the seen classes that an unseen one may be composed of, is no larger than the classes that are left."""
    neighbours = [number for number in (3, 5, 10) if number <= sizes.num_fit_classes]
    folds = min(5, sizes.num_classes - sizes.num_unseen)
    rows = "\n".join(
        f"    {encoder_row(name, sense)}-prototypes: {{features: extract/{encoder_row(name, sense)}.zarr}}"
        for sense in senses
    )
    return f"""\
# Unseen classes composed of seen ones, each of at most K (num_neighbours).
transfer:
  folds: {{num_folds: {folds}, seed: 0}}
  page: {{num_clips: 150, num_graphs: 5}}
  defaults:
    method: prototypes
    embeddings: {name}-minilm
    text_type: label
    centre: none
    inference: visual_prototypes
    constraints: all
    cap: row
    extra: null
    selection: val
    grid: {{num_neighbours: {neighbours}, rho: [1, 2, 4], theta: [0.0, 0.9, 1.0]}}
    refit: seen
    seeds: [0]
    max_missing: 0.0
  rows:
{rows}"""


def _evaluate(name: str, senses: Sequence[str]) -> str:
    rows = "\n".join(f"    {row}: {{}}" for sense in senses for row in _methods(name, sense))
    return f"""\
# oracle_selection: true would add the setting that is best on the test clips, flagged as such.
evaluate:
  bootstrap: {{num_resamples: 2000, seed: 0}}
  defaults:
    oracle_selection: false
  rows:
{rows}"""


def _cells(row: str, composed: Sequence[str]) -> str:
    """The columns that a row fills: all, but for composed prototypes."""
    return f"{{{', '.join(f'{key}: {row}' for key in composed)}}}" if row.endswith("-prototypes") else row


def _report(name: str, senses: Sequence[str], sizes: Sizes) -> str:
    figures = {"unseen": ("unseen", "top1", "top-1"), "all": ("all", "top1", "top-1")}
    if sizes.num_unseen > 5:  # of five classes, five guesses are always right
        figures["unseen5"] = ("unseen", "top5", "top-5")
    figures["both"] = ("gzsl", "harmonic_mean", "H")
    headings = {"unseen": "among unseen classes", "all": "among all classes", "gzsl": "seen and unseen clips"}
    columns = "\n".join(
        f'        {key}: {{heading: ["{headings[space]}", {heading}], space: {space}, figure: {figure}}}'
        for key, (space, figure, heading) in figures.items()
    )
    composed = [key for key, (space, _, _) in figures.items() if space != "gzsl"]  # which transfer does not score
    rows = "\n".join(
        f'      - {{title: "{sense}, {title}", cells: {_cells(row, composed)}}}'
        for sense in senses
        for row, title in _methods(name, sense).items()
    )
    return f"""\
report:
  title: Zero-shot recognition of {name}
  charts: {{}}
  tables:
    {name}:
      title: "{name}: {sizes.num_unseen} of {sizes.num_classes} classes unseen"
      note: "Chance is 1/{sizes.num_unseen} among the unseen classes and 1/{sizes.num_classes} among all."
      columns:
{columns}
      rows:
{rows}"""


_DATA = """\
# Edit what you like and type `unseen profile use {name}` again; docs/commands.md says what the keys mean.
ingest:
  checks: {{max_rejected: 0.05}}  # the share of damaged clips that is borne; each stands in the report with its reason
  rows:
    {name}: {{}}

# {num_unseen} of {num_classes} classes are unseen, drawn three times. Of the seen ones a share, at least `min`, are
# there to select settings on; {num_fit} are left to learn from.
split:
  defaults:
    protocol: own  # column `split` of manifest.csv
    num_unseen: {num_unseen}
    val_classes: {{share: {share}, min: {least}}}
    splits: [s0, s1, s2]
  rows:
{splits}

prompt:
  captions: {{max_attributes: 3, max_matchings: 64}}
  rows:
    {name}:
      templates: ["a person performs the action: {{name}}"]
      descriptions: data/raw/{name}/classes.csv
      sources: {sources}{hint}

embed:
  compute: {{num_threads: 2}}
  rows:
    # requirements.txt pins the package that brings the weights of minilm
    {name}-minilm:
      {{dataset: {name}, encoder: minilm, weights: requirements.txt, model: {{}}, means: {{}},
       movement: [{movement}]}}"""

_PREPROCESS = """\
preprocess:
  checks: {max_rejected: 0.05}
  compute: {engine: processes, num_workers: 2}
  defaults:
    boxes: false
  rows:
"""

_PRETRAIN = """\
# The sizes of training follow from the number of clips.
pretrain:
  compute: {{engine: inline, num_workers: 1}}
  running: {{num_workers: 0, queue_length: 4, checkpoint_every: 200}}
  defaults:
    dataset: {name}
    classes: fit
    seeds: [0]
    label_smoothing: 0.1
    augment: null
    text: null
  rows:
"""

_EXTRACT = """\
extract:
  batches: {batch_size: 32, num_threads: 2}
  compute: {engine: inline, num_workers: 1}
  defaults:
    tokens: false
    masked: null
    regions: false
  rows:
"""

_ALIGN = """\
align:
  compute: {{num_threads: 2}}
  methods:
    ridge:
      plain: {{text_type: {described}, centre: seen, lambdas: [0.01, 0.1, 1.0, 10.0]}}
    devise:
      plain:
        {{text_type: {described}, centre: seen, lr: 1.0e-3, weight_decay: 0.0, batch_size: 128, epochs: 60,
         keep_every: 10, margin: 0.1}}
    ours:  # of skeletons: its constants were chosen on UTD-MHAD's training subjects (docs/ours.md)
      full:
        {{text_type: {described}+movement, centre: seen, lambdas: [3.0],
         scorers: [ridge, prototypes, eszsl, measured], gamma: 0.5, text_penalty: 0.3, clip: 4.0}}
  defaults:
    embeddings: {name}-minilm
    seeds: [0]
    refit: seen
    max_missing: 0.05
    spaces: [unseen, all, gzsl]
    explained: false
    selection: val
    num_folds: null
  rows:
"""
