"""Params of semantic transfer: how classes are related, which constraints hold, how their values are selected."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.params import Params
from pipeline.transfer.folds import Constraints, Grid
from pipeline.transfer.program import Cap
from pipeline.transfer.recognise import Inference, NamedConstraints, Scheme

TransferMethod = Literal["prototypes", "rest"]


class ConstraintParams(Params):
    """Side constraints on the program; pairs are [unseen class, seen class] by name."""

    min_seen: int = Field(ge=0)
    max_seen: int | None = Field(ge=1)
    forbidden: list[tuple[str, str]]
    required: list[tuple[str, str]]
    coverage: int = Field(ge=0)  # at least so many different seen classes are used


class Folds(Params):
    """Section `transfer.folds`: how seen classes are divided for `selection: folds`."""

    num_folds: int = Field(ge=2)
    seed: int


class TransferParams(Params):
    """A row of transfer: how unseen classes are composed of seen ones."""

    method: TransferMethod  # rest: prototypes of the representations that the stage rest has learnt
    text_type: Annotated[str, Field(min_length=1)]  # the texts that relate the classes, named as in methods
    centre: Literal["none", "seen"]  # seen: the mean of the seen classes' texts is subtracted from all texts
    inference: Inference
    constraints: Constraints
    cap: Cap  # what constraint III limits: rows, as printed, columns, or both
    extra: ConstraintParams | None
    selection: Literal["val", "folds"]  # folds: of seen classes, as in the paper; the encoder has seen their clips
    grid: Grid

    @property
    def variant(self) -> str:
        """How the row differs from others of its method, e.g. "all" or "I, column cap"."""
        parts: list[str] = [self.constraints if self.inference != "seen_label_then_text" else ""]
        parts += [f"{self.cap} cap" if self.cap != "row" else "", "side constraints" if self.extra else ""]
        parts += [self.inference if self.inference != "visual_prototypes" else ""]
        parts += ["centred texts" if self.centre == "seen" else ""]
        return ", ".join(part for part in parts if part)

    @property
    def scheme(self) -> Scheme:
        """How clips are recognised."""
        extra = None
        if self.extra:
            pairs = tuple(self.extra.forbidden), tuple(self.extra.required)
            extra = NamedConstraints(self.extra.min_seen, self.extra.max_seen, *pairs, self.extra.coverage)
        return Scheme(self.inference, self.cap, extra)
