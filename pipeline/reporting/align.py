"""The page of an align row: what was chosen on pseudo-unseen classes, and the curves it was chosen from."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core import pages
from pipeline.reporting import histories
from pipeline.training.method_rows import Learnt


@dataclass(frozen=True)
class MethodFacts:
    """What the row says of its method; `setting_name` is what a setting is, such as "epoch"."""

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
        """The classes that are unseen for a while."""
        return "folds of the seen classes" if self.selection == "folds" else "the val classes"

    @property
    def trained_on(self) -> str:
        """The classes that are seen meanwhile."""
        return "the other folds" if self.selection == "folds" else "the fit classes"


def page(key: str, about: MethodFacts, parts: Sequence[Learnt]) -> pages.Page:
    """The page of a row."""
    generalised = any(part.task.seen_test_ids for part in parts)
    test = ["unseen test", *(["seen test"] if generalised else [])]
    header = ["split", "seed", f"chosen {about.setting_name}", "val top-1", "fit", "val", *test, "left out"]
    rows: list[list[pages.Cell]] = []
    for part in parts:
        task, chosen = part.task, part.history[part.selected]
        counts = [len(task.fit.class_ids), len(task.val.class_ids), len(task.test_ids)]
        counts += [len(task.seen_test_ids)] if generalised else []
        rows.append([task.split, task.seed, chosen["setting"], chosen["val_top1"], *counts, task.num_missing])
    parted = [_parted(about, parts)] if generalised else []
    tried = (
        [] if all(_is_number(at["setting"]) for part in parts for at in part.history) else [_grid_search(about, parts)]
    )
    return pages.Page(
        title=f"Alignment: {key}",
        stage="align",
        row=key,
        text=[_text(about, parts)],
        tables=[pages.Table(title="Trainings", header=header, rows=rows), *parted, *tried],
        lines=[]
        if tried
        else [
            _lines(f"Accuracy on {about.stand_ins}", "top-1", "val_top1", about.setting_name, parts),
            _lines(histories.LOSS, "loss", "loss", about.setting_name, parts),
        ],
        images=[],
    )


def _parted(about: MethodFacts, parts: Sequence[Learnt]) -> pages.Table:
    """What is taken from the scores of seen classes where they stand beside unseen ones."""
    rows: list[list[pages.Cell]] = []
    for part in parts:
        taken = part.calibration[part.selected] if part.calibration else 0.0
        held_out = len(part.task.held_out.class_ids)
        rows.append([part.task.split, part.task.seed, part.history[part.selected]["setting"], taken, held_out])
    header = ["split", "seed", f"chosen {about.setting_name}", "taken from seen scores", "held out"]
    return pages.Table(title="Seen classes beside unseen ones", header=header, rows=rows)


def _text(about: MethodFacts, parts: Sequence[Learnt]) -> str:
    text = f"Method {about.method}, variant {about.variant}, "
    if about.trains:
        text += (
            f"trained on {about.trained_on}; its {about.setting_name} is the best on {about.stand_ins}, which stand in "
            "for unseen ones. "
        )
    else:
        text += "which trains nothing: features and texts lie in one space. "
        if any(len(part.history) > 1 for part in parts):
            text += f"Its {about.setting_name} are the best on {about.stand_ins}, which stand in for unseen ones. "
    if about.trains and about.refit == "seen":
        text += "The scores are of a second training on fit and val clips. "
    if about.trains and about.refit == "both":
        text += "The scores are of a second training on fit and val clips, of an encoder of both. "
    if any(part.task.selection(about.selection).endswith("_seen") for part in parts):
        text += f"The features' encoder was trained on {about.stand_ins} too, or bound with their clips. "
    if any(part.task.inference == "transductive" for part in parts):
        text += "It is transductive: the encoder was bound with clips of unseen classes, without their labels. "
    if about.transductive:
        text += "It is transductive: the scores of a clip depend on the other clips that are scored with it. "
    for pretrained in sorted({part.task.pretrained for part in parts if part.task.pretrained}):
        text += (
            f"The features' encoder began as {pretrained}, weights of the web: which classes they saw is not known. "
        )
    if cost := parts[0].cost:
        num_classes = len(next(iter(parts[0].task.spaces.values())))
        text += (
            f"It trains {cost['num_params']:,} parameters; a clip among {num_classes} classes takes "
            f"{cost['macs'] / 1e6:.4g} M multiply-accumulates, the encoder's left out. "
        )
    return (text + about.remark).strip()


def _is_number(setting: str) -> bool:
    try:
        float(setting)
    except ValueError:
        return False
    return True


def _grid_search(about: MethodFacts, parts: Sequence[Learnt]) -> pages.Table:
    """In place of curves, where settings have no order."""
    rows: list[list[pages.Cell]] = [
        [part.task.split, part.task.seed, at["setting"], at["val_top1"], at["loss"]]
        for part in parts
        for at in part.history
    ]
    header = ["split", "seed", about.setting_name, "val top-1", "loss on the training clips"]
    return pages.Table(title=f"Tried on {about.stand_ins}", header=header, rows=rows)


def _lines(title: str, y_label: str, column: str, setting_name: str, parts: Sequence[Learnt]) -> pages.Lines:
    series = [
        pages.Series(
            name=part.task.name,
            x=[float(at["setting"]) for at in part.history],
            y=[at[column] for at in part.history],
        )
        for part in parts
    ]
    return pages.Lines(title=title, x_label=setting_name, y_label=y_label, series=series)
