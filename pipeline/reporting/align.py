"""The page of an align row: the settings chosen on pseudo-unseen classes, and the curves behind the choice."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core import pages
from pipeline.reporting import histories
from pipeline.training.method_rows import MethodTraining


@dataclass(frozen=True)
class MethodFacts:
    """The facts of a row that its page repeats; `setting_name` says what a setting is, such as "epoch"."""

    method: str
    variant: str
    refit: str
    selection: str  # val | folds
    setting_name: str
    trains: bool
    transductive: bool
    remark: str  # of the method, or nothing

    @property
    def stand_ins(self) -> str:
        """The classes that stand in for unseen ones while a setting is chosen."""
        return "folds of the seen classes" if self.selection == "folds" else "the val classes"

    @property
    def trained_on(self) -> str:
        """The classes that are trained on meanwhile."""
        return "the other folds" if self.selection == "folds" else "the fit classes"


def page(key: str, facts: MethodFacts, trainings: Sequence[MethodTraining]) -> pages.Page:
    """The page of a row."""
    generalised = any(training.task.seen_test_ids for training in trainings)
    test = ["unseen test", *(["seen test"] if generalised else [])]
    header = ["split", "seed", f"chosen {facts.setting_name}", "val top-1", "fit", "val", *test, "left out"]
    rows: list[list[pages.Cell]] = []
    for training in trainings:
        task, chosen = training.task, training.history[training.selected]
        num_clips = [len(task.fit.class_ids), len(task.val.class_ids), len(task.test_ids)]
        num_clips += [len(task.seen_test_ids)] if generalised else []
        rows.append([task.split, task.seed, chosen["setting"], chosen["val_top1"], *num_clips, task.num_missing])
    beside = [_calibrations(facts, trainings)] if generalised else []
    search = (
        []
        if all(_is_number(epoch["setting"]) for training in trainings for epoch in training.history)
        else [_grid_search(facts, trainings)]
    )
    return pages.Page(
        title=f"Alignment: {key}",
        stage="align",
        row=key,
        text=[_text(facts, trainings)],
        tables=[pages.Table(title="Trainings", header=header, rows=rows), *beside, *search],
        lines=[]
        if search
        else [
            _lines(f"Accuracy on {facts.stand_ins}", "top-1", "val_top1", facts, trainings),
            _lines(histories.LOSS, "loss", "loss", facts, trainings),
        ],
        images=[],
    )


def _calibrations(facts: MethodFacts, trainings: Sequence[MethodTraining]) -> pages.Table:
    """The constants subtracted from the scores of seen classes where both kinds are candidates."""
    rows: list[list[pages.Cell]] = []
    for training in trainings:
        task, setting = training.task, training.history[training.selected]["setting"]
        calibration = training.calibration[training.selected] if training.calibration else 0.0
        rows.append([task.split, task.seed, setting, calibration, len(task.held_out.class_ids)])
    header = ["split", "seed", f"chosen {facts.setting_name}", "taken from seen scores", "held out"]
    return pages.Table(title="Seen classes beside unseen ones", header=header, rows=rows)


def _text(facts: MethodFacts, trainings: Sequence[MethodTraining]) -> str:
    text = f"Method {facts.method}, variant {facts.variant}, "
    if facts.trains:
        text += (
            f"trained on {facts.trained_on}; its {facts.setting_name} is the best on {facts.stand_ins}, which stand in "
            "for unseen ones. "
        )
    else:
        text += "which trains nothing: features and texts lie in one space. "
        if any(len(training.history) > 1 for training in trainings):
            text += f"Its {facts.setting_name} are the best on {facts.stand_ins}, which stand in for unseen ones. "
    if facts.trains and facts.refit == "seen":
        text += "The scores are of a second training on fit and val clips. "
    if facts.trains and facts.refit == "both":
        text += "The scores are of a second training on fit and val clips, of an encoder of both. "
    if any(training.task.selection(facts.selection).endswith("_seen") for training in trainings):
        text += f"The features' encoder was trained on {facts.stand_ins} too, or bound with their clips. "
    if any(training.task.inference == "transductive" for training in trainings):
        text += "It is transductive: the encoder was bound with clips of unseen classes, without their labels. "
    if facts.transductive:
        text += "It is transductive: the scores of a clip depend on the other clips that are scored with it. "
    for pretrained in sorted({training.task.pretrained for training in trainings if training.task.pretrained}):
        text += (
            f"The features' encoder began as {pretrained}, weights of the web: which classes they saw is not known. "
        )
    if cost := trainings[0].cost:
        num_classes = len(next(iter(trainings[0].task.spaces.values())))
        text += (
            f"It trains {cost['num_params']:,} parameters; a clip among {num_classes} classes takes "
            f"{cost['macs'] / 1e6:.4g} M multiply-accumulates, the encoder's left out. "
        )
    return (text + facts.remark).strip()


def _is_number(setting: str) -> bool:
    try:
        float(setting)
    except ValueError:
        return False
    return True


def _grid_search(facts: MethodFacts, trainings: Sequence[MethodTraining]) -> pages.Table:
    """A table in place of curves, for settings without an order."""
    rows: list[list[pages.Cell]] = [
        [training.task.split, training.task.seed, line["setting"], line["val_top1"], line["loss"]]
        for training in trainings
        for line in training.history
    ]
    header = ["split", "seed", facts.setting_name, "val top-1", "loss on the training clips"]
    return pages.Table(title=f"Tried on {facts.stand_ins}", header=header, rows=rows)


def _lines(
    title: str, y_label: str, column: str, facts: MethodFacts, trainings: Sequence[MethodTraining]
) -> pages.Lines:
    chance = None  # folds take turns, each with a number of classes of its own
    if column == "val_top1" and facts.selection == "val":
        chance = histories.common(1 / len(training.task.val_classes) for training in trainings)
    series = [
        pages.Series(
            name=training.task.name,
            x=[float(epoch["setting"]) for epoch in training.history],
            y=[epoch[column] for epoch in training.history],
            chosen=float(training.history[training.selected]["setting"]),
        )
        for training in trainings
    ]
    return pages.Lines(title=title, x_label=facts.setting_name, y_label=y_label, series=series, chance=chance)
