"""What a CLIP knows during training: true captions against false ones, and general pairs that it should not forget."""

# Shapes: N pairs, M false texts, G general pairs, D size of a vector.
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from pydantic import Field

from pipeline.core.pairs import GeneralPair, GraphPair, ImageText, Picture
from pipeline.core.params import Params
from pipeline.core.seeds import derived_seed, generator
from pipeline.evaluation import compositional

P = TypeVar("P", GraphPair, GeneralPair)

CANDIDATES = 16  # texts that a general picture is asked among


@dataclass(frozen=True)
class Probe:
    """The pairs asked about, and how their pictures are decoded; none of them is trained on or reported.

    Pictures are decoded for the first measurement and kept: `Selection.max_pairs` bounds how many there are.
    """

    pairs: Sequence[GraphPair]
    general: Sequence[GeneralPair]
    picture: Callable[[GraphPair | GeneralPair], Picture]

    @cached_property
    def _with_negatives(self) -> list[GraphPair]:
        return [pair for pair in self.pairs if pair.negatives]

    @cached_property
    def _graph_pictures(self) -> list[Picture]:
        return [self.picture(pair) for pair in self._with_negatives]

    @cached_property
    def _general_pictures(self) -> list[Picture]:
        return [self.picture(pair) for pair in self.general]

    def measure(self, encoder: ImageText) -> dict[str, float]:
        """`told_apart`, the share of false texts that lie further from the picture than its caption, and `retention`.

        `retention` is the share of general pictures whose own text is the nearest of CANDIDATES. A kind of which there
        are no pairs is left out.
        """
        measured = {}
        if self._with_negatives:
            measured["told_apart"] = self._told_apart(encoder)
        if self.general:
            measured["retention"] = self._retention(encoder)
        return measured

    def _told_apart(self, encoder: ImageText) -> float:
        pairs = self._with_negatives
        image_ND = encoder.image_vectors(self._graph_pictures)
        caption_ND = encoder.text_vectors([pair.caption for pair in pairs])
        false_MD = encoder.text_vectors([false.text for pair in pairs for false in pair.negatives])
        row_M = np.repeat(np.arange(len(pairs)), [len(pair.negatives) for pair in pairs])
        right_M = compositional.cosines(image_ND, row_M, caption_ND, row_M)
        wrong_M = compositional.cosines(image_ND, row_M, false_MD, np.arange(len(row_M)))
        return float(compositional.won(right_M, wrong_M).mean())

    def _retention(self, encoder: ImageText) -> float:
        image_GD = encoder.image_vectors(self._general_pictures)
        texts = sorted({pair.caption for pair in self.general})
        place = {text: row for row, text in enumerate(texts)}
        text_G = np.array([place[pair.caption] for pair in self.general])
        rng = generator(0, "retention")  # the same candidates for every encoder
        return float(compositional.own_text_wins(image_GD, encoder.text_vectors(texts), text_G, CANDIDATES, rng).mean())


class Selection(Params):
    """Which of the held-out pairs are selected on."""

    share: float = Field(ge=0, lt=1)  # of the images and videos, and of the general pairs; the others are reported
    max_pairs: int = Field(ge=1)  # of either kind: more would make every epoch wait
    seed: int


Held = tuple[list[GraphPair], list[GeneralPair]]


def parted(pairs: Sequence[GraphPair], general: Sequence[GeneralPair], selection: Selection) -> tuple[Held, Held]:
    """Held-out pairs to select on and those to report, drawn by a hash of the image, or of the video of a frame.

    Where more than `max_pairs` are drawn, those of the lowest hashes are selected on and the others are not used.
    """

    def drawn(name: str) -> float:
        return derived_seed(selection.seed, "selection", name) / (1 << 63)

    graph = [(drawn(f"{pair.corpus}|{pair.image_id.split('/')[0]}"), pair) for pair in pairs]
    samples = [(drawn(pair.key), pair) for pair in general]
    reported = [p for at, p in graph if at >= selection.share], [p for at, p in samples if at >= selection.share]
    return (_first(graph, selection), _first(samples, selection)), reported


def _first(drawn: Sequence[tuple[float, P]], selection: Selection) -> list[P]:
    """The pairs below the share in ascending order of their draws; equal ones keep their order."""
    chosen = sorted((pair for pair in drawn if pair[0] < selection.share), key=lambda pair: pair[0])
    return [pair for _, pair in chosen[: selection.max_pairs]]
