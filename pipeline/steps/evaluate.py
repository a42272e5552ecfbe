"""evaluate: scores and truths -> figures with intervals, after a leak audit. The only step that opens test labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import scores as scores_format
from pipeline.core import tables as parquet
from pipeline.core.errors import DataError, FormatError
from pipeline.core.outputs import whole_folder, write_json
from pipeline.core.params import Params
from pipeline.core.schemas import CLIPS, PREDICTIONS, PROMPTS, SPLIT, ClipRow, PredictionRow
from pipeline.core.scores import Scores
from pipeline.core.seeds import generator
from pipeline.core.store import Store
from pipeline.evaluation import checks, generalised, leakage, metrics, tables
from pipeline.evaluation.checks import Audited
from pipeline.evaluation.leakage import Clip
from pipeline.evaluation.tables import Row
from pipeline.labels import overlap
from pipeline.reporting import explained
from pipeline.reporting.explained_arrays import LabelledScores
from pipeline.text.prompts import MOVEMENT, PARTS_OF_LABELS, TOLD_MEASURES


class Bootstrap(Params):
    """Section `evaluate.bootstrap`: how the intervals of single rows are drawn."""

    num_resamples: int
    seed: int


class EvaluateRow(Params):
    """One row of `evaluate.rows`."""

    dataset: str
    split_table: str
    scores: str  # the method row's folder below features/
    embeddings: str  # the row of embed whose class texts the method used
    oracle_selection: bool  # also the setting that is best on the unseen test set, flagged as leaky


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of one evaluation stand."""

    scores: Path
    clips: Path
    split: Path
    embeddings: Path  # of the class texts
    prompts: Path


@dataclass(frozen=True)
class _Case:
    """One (split, seed, label space) that passed the audit."""

    scored: Scores
    clips: dict[str, Clip]  # all of the split, by id
    seen: list[int]  # classes of the split
    unseen: list[int]
    paired_unseen: list[str]  # names of unseen classes whose clips took part in binding
    audited: Audited

    @property
    def truth(self) -> list[int]:
        """The true class of each scored clip."""
        return [self.clips[clip_id].class_id for clip_id in self.scored.clip_ids]


@dataclass(frozen=True)
class _Truth:
    meta: dict[str, Any]
    class_names: dict[int, str]
    clips: dict[str, dict[str, Clip]]  # by split and clip id, of the modality
    training: dict[str, dict[str, list[str]]]  # ids by split and training role, of whatever modality


def evaluate(
    row: EvaluateRow, bootstrap: Bootstrap, inputs: Inputs, *, out: Path, predictions: Path, shown: Path
) -> None:
    """Write the figures of one method row as JSON, its predictions as parquet, and a folder with what explains them.

    Raises LeakError where the audit fails, DataError where the inputs do not belong together.
    """
    stage = inputs.scores.parent.name  # align, transfer or cross, which errors tell to run again
    method = Store(inputs.scores / scores_format.STORE, stage).attrs
    truth = _truth(inputs, method["modality"])
    _check_belong(row, method, truth.meta)
    method = {**method, "protocol": truth.meta["protocol"]}
    texts = _check_texts(inputs.embeddings, truth)
    rows: list[Row] = []
    lines: list[PredictionRow] = []
    cases: list[LabelledScores] = []
    for scored in scores_format.read(inputs.scores, stage):
        case = _audited(scored, truth, texts)
        cases.append(LabelledScores(scored, case.truth))
        for selection, setting in _selections(row, case):
            figures, predicted = _measured(method, bootstrap, case, selection, setting)
            rows.append(figures)
            lines += predicted
    summary = tables.summaries(rows)
    write_json(out, {"rows": rows, "summary": summary, "headline": tables.headline(summary)})
    names = {str(class_id): name for class_id, name in truth.class_names.items()}
    parquet.write(predictions, PREDICTIONS, lines, {"method": method, "class_names": names})
    with whole_folder(shown) as folder:
        explained.write(
            folder,
            explained.EvaluatedRow(shown.name, inputs.scores, method, inputs.embeddings),
            cases,
            truth.class_names,
        )


def _truth(inputs: Inputs, modality: str) -> _Truth:
    """The labels of every clip of the split, with names; names, splits and roles are audited on the way."""
    meta = parquet.read_meta(inputs.split, SPLIT)
    names = {line.class_id: line.class_name for line in parquet.read(inputs.prompts, PROMPTS)}
    leakage.check_names(names, str(inputs.prompts))
    for split, parts in meta["splits"].items():
        leakage.check_split(split, parts)
    class_names = parquet.read_meta(inputs.clips, CLIPS)["class_names"]
    if [names[class_id] for class_id in sorted(names)] != class_names:
        raise DataError(f"{inputs.prompts}: its classes are not those of {inputs.clips}; run `dvc repro prompt ingest`")
    known = _clips(inputs.clips, modality)
    clips: dict[str, dict[str, Clip]] = {}
    training: dict[str, dict[str, list[str]]] = {split: {"fit": [], "val": []} for split in meta["splits"]}
    for line in parquet.read(inputs.split, SPLIT):
        if line.role in leakage.TRAINING_ROLES:
            training[line.split][line.role].append(line.clip_id)
        if of_clip := known.get(line.clip_id):
            clip = of_clip[0]
            leakage.check_role(line, clip.class_id, meta["splits"][line.split])
            group = leakage.split_group(clip, meta["protocol"])
            contents = tuple(content for content in map(leakage.content, of_clip) if content)
            clips.setdefault(line.split, {})[line.clip_id] = Clip(
                clip.class_id, line.role, group, clip.subject, contents
            )
    return _Truth(meta, names, clips, training)


def _clips(path: Path, modality: str) -> dict[str, list[ClipRow]]:
    """Rows of the clips table by id: those of a modality, or of clips that all of several have ("depth+skeleton")."""
    of_modality: dict[str, dict[str, ClipRow]] = {name: {} for name in modality.split("+")}
    for line in parquet.read(path, CLIPS):
        if line.modality in of_modality:
            of_modality[line.modality][line.clip_id] = line
    everywhere = set.intersection(*(set(clips) for clips in of_modality.values()))
    return {clip_id: [clips[clip_id] for clips in of_modality.values()] for clip_id in sorted(everywhere)}


def _check_belong(row: EvaluateRow, method: Mapping[str, Any], split_meta: Mapping[str, Any]) -> None:
    for name, attrs in (("scores", method), ("split", split_meta)):
        for key, wanted in (("dataset", row.dataset), ("split_table", row.split_table)):
            if attrs[key] != wanted:
                raise DataError(
                    f"{name}: made for {key.replace('_', ' ')} '{attrs[key]}', this row evaluates '{wanted}'; "
                    "mend params.yaml"
                )
    if method["embeddings"] != row.embeddings:
        raise DataError(
            f"scores: made with the embeddings '{method['embeddings']}', this row audits '{row.embeddings}'; "
            "mend params.yaml"
        )


def _check_texts(path: Path, truth: _Truth) -> tuple[int, int]:
    """Every prompt type must tell all classes apart, but for what is parsed of texts or a part of labels.

    Returns how many were compared, and how many were not.
    """
    store = Store(path, "embed")
    groups = store.groups()
    compared = [group for group in groups if group.partition("@")[0] not in (*PARTS_OF_LABELS, MOVEMENT, TOLD_MEASURES)]
    for group in compared:
        texts_ND = store.read(group, "pooled").astype(np.float64)
        texts_ND /= np.maximum(np.linalg.norm(texts_ND, axis=1, keepdims=True), 1e-12)
        class_N = np.array([int(text_id.split("-")[0]) for text_id in store.ids(group)])
        class_ids = sorted(set(class_N.tolist()))
        missing = sorted(set(truth.class_names) - set(class_ids))
        if missing:
            raise DataError(f"{path}: group '{group}' has no text of classes {missing}; run `dvc repro embed`")
        vectors_KD = np.stack([texts_ND[class_N == class_id].mean(axis=0) for class_id in class_ids])
        leakage.check_texts(vectors_KD, class_ids, f"{path}: group '{group}'")
    return len(compared), len(groups) - len(compared)


def _audited(scored: Scores, truth: _Truth, texts: tuple[int, int]) -> _Case:
    """Scores with the labels of their clips, after the audit."""
    provenance = scored.provenance
    if provenance.split not in truth.meta["splits"]:
        raise DataError(
            f"scores: split '{provenance.split}' is not in the split table; rerun split and the method's stage"
        )
    _check_settings(scored)
    parts = truth.meta["splits"][provenance.split]
    leakage.check_provenance(provenance, parts)
    unseen = [truth.class_names[class_id] for class_id in sorted(parts["unseen"])]
    same = overlap.same_words(provenance.source_classes, unseen) | overlap.same_name(provenance.source_classes, unseen)
    leakage.check_source(provenance, same)
    clips = truth.clips.get(provenance.split, {})
    training = truth.training[provenance.split]
    leakage.check_training_clips(provenance, training, parts)
    leakage.check_clips(provenance, scored.clip_ids, clips)
    paired_unseen = [
        truth.class_names[class_id] for class_id in sorted({*provenance.paired_classes} & {*parts["unseen"]})
    ]
    protocol, num_names = truth.meta["protocol"], len(truth.class_names)
    audited = Audited(provenance, scored.clip_ids, clips, training, parts, protocol, num_names, texts)
    return _Case(scored, clips, [*parts["fit"], *parts["val"]], parts["unseen"], paired_unseen, audited)


def _check_settings(scored: Scores) -> None:
    """Whatever there is one of a setting must be there of all."""
    provenance, num = scored.provenance, len(scored.provenance.settings)
    shapes = {scored.values.shape[1], *([] if scored.gate is None else [scored.gate.shape[1]])}
    if provenance.calibration is not None:
        shapes.add(len(provenance.calibration))
    if shapes != {num} or not 0 <= provenance.selected < num:
        raise FormatError(
            f"scores: split '{provenance.split}': settings and scores do not fit; rerun the method's stage"
        )


def _selections(row: EvaluateRow, case: _Case) -> list[tuple[str, int]]:
    """The (selection, setting) pairs to report: the method's own, and where asked the best on the test set."""
    provenance = case.scored.provenance
    selections = [(provenance.selection, provenance.selected)]
    if row.oracle_selection:
        values = np.moveaxis(case.scored.values, 1, 0)
        top1 = [metrics.top_k(metrics.ranks(scores_NK, case.truth, provenance.class_ids), 1) for scores_NK in values]
        selections.append(("oracle", int(np.argmax(top1))))  # the earliest of equals
    return selections


def _measured(
    method: Mapping[str, Any], bootstrap: Bootstrap, case: _Case, selection: str, setting: int
) -> tuple[Row, list[PredictionRow]]:
    """The figures and the predictions of one selection."""
    provenance, scored = case.scored.provenance, case.scored
    scores_NK = scored.values[:, setting]
    rank_N = metrics.ranks(scores_NK, case.truth, provenance.class_ids)
    subjects = [case.clips[clip_id].subject for clip_id in scored.clip_ids]
    accuracy = metrics.accuracy(
        rank_N,
        case.truth,
        subjects,
        num_candidates=len(provenance.class_ids),
        num_resamples=bootstrap.num_resamples,
        generator=generator(
            bootstrap.seed, "bootstrap", provenance.split, provenance.seed, provenance.label_space, selection
        ),
    )
    figures = tables.row(method, provenance, selection, provenance.settings[setting], _counts(case)) | tables.figures(
        accuracy
    )
    figures["paired_unseen"], figures["kept_overlap"] = case.paired_unseen, provenance.kept_overlap
    if provenance.label_space == "gzsl":
        figures |= _generalised(case, setting, subjects, bootstrap)
    figures["checks"] = checks.checks(case.audited, selection)
    guesses = metrics.predictions(scores_NK, provenance.class_ids).tolist()
    margins = metrics.margins(scores_NK, case.truth, provenance.class_ids)
    answers = zip(scored.clip_ids, subjects, case.truth, guesses, rank_N.tolist(), margins, strict=True)
    run = (provenance.split, provenance.seed, selection, provenance.label_space)
    return figures, [
        PredictionRow(*run, clip_id, subject, class_id, predicted, rank, margin)
        for clip_id, subject, class_id, predicted, rank, margin in answers
    ]


def _counts(case: _Case) -> dict[str, int]:
    """How many clips were scored, how many test clips were not (rejected on the way), and of how many classes."""
    provenance, clip_ids = case.scored.provenance, case.scored.clip_ids
    due = sum(clip.role in leakage.TEST_ROLES[provenance.label_space] for clip in case.clips.values())
    return {
        "num_clips": len(clip_ids),
        "num_unscored": due - len(clip_ids),
        "num_seen_classes": len(case.seen),
        "num_unseen_classes": len(case.unseen),
        "num_undigested": sum(not case.clips[clip_id].contents for clip_id in clip_ids),
        "num_shared_subjects": leakage.num_shared_subjects(clip_ids, case.clips),
        "num_paired_unseen": len(case.paired_unseen),
        "num_source_classes": len(provenance.source_classes),
    }


def _generalised(case: _Case, setting: int, subjects: list[int | None], bootstrap: Bootstrap) -> Row:
    """Of clips of seen classes and of unseen ones: plain, and calibrated and gated where the method says how."""
    provenance, scored = case.scored.provenance, case.scored
    request = generalised.AllScores.of(scored.values[:, setting], case.truth, provenance.class_ids, case.unseen)
    calibration = None if provenance.calibration is None else provenance.calibration[setting]
    gate_N = None if scored.gate is None else scored.gate[:, setting]
    right = generalised.answers(request, calibration=calibration, gate_N=gate_N)
    random = generator(
        bootstrap.seed, "bootstrap", provenance.split, provenance.seed, "gzsl", provenance.settings[setting]
    )
    spans = generalised.spans(request, right, subjects, num_resamples=bootstrap.num_resamples, generator=random)
    return generalised.figures(request, right) | {f"{name}_ci95": list(ends) for name, ends in spans.items()}
