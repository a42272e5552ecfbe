"""What a row says of the seen-unseen program: how classes are related, which constraints hold, how they are chosen."""

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
    coverage: int = Field(ge=0)  # different seen classes that are used at least


class Folds(Params):
    """Section `transfer.folds`: how seen classes are dealt for `selection: folds`."""

    num_folds: int = Field(ge=2)
    seed: int


class TransferParams(Params):
    """How unseen classes are composed of seen ones."""

    method: TransferMethod  # rest: the same of representations that the stage rest has learnt
    text_type: Annotated[str, Field(min_length=1)]  # which texts relate the classes: as methods name them
    centre: Literal["none", "seen"]  # seen: what the texts of the seen classes share is taken off all of them
    inference: Inference
    constraints: Constraints
    cap: Cap  # of constraint III: a row, as printed, a column, or both
    extra: ConstraintParams | None
    selection: Literal["val", "folds"]  # folds: of seen classes, the paper's rule; the encoder saw their clips
    grid: Grid

    @property
    def variant(self) -> str:
        """How it differs from others of its method, e.g. "all" or "I, column cap"."""
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
