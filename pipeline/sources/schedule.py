"""Which rows make the steps of an epoch: all-image steps that mix graph pairs with shard samples, all-video steps.

An epoch is one pass over the graph pairs, each once: as a clip in an all-video step or as a picture. Shard samples
continue where the epoch before stopped, in newly shuffled passes. Without graph pairs an epoch is one pass over the
shards. Rows that do not fill a step are left out of the epoch, different ones each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pipeline.core.batches import Rows
from pipeline.core.errors import DataError
from pipeline.core.seeds import generator


@dataclass(frozen=True)
class Amounts:
    """The amounts of data, and how they are mixed."""

    num_pairs: int
    num_clips: int  # pairs that can be shown as clips
    num_texts: int  # shard samples
    batch_size: int  # rows of an all-image step
    clip_batch_size: int  # rows of an all-video step
    texts_per_graph: Fraction
    video_share: float  # of the steps


@dataclass(frozen=True)
class Plan:
    """The steps of every epoch: so many of each kind, and the graph pairs of the first k all-image steps."""

    amounts: Amounts
    num_image_steps: int
    num_video_steps: int

    def graph_rows(self, num_steps: int) -> int:
        """The graph pairs in so many all-image steps; over many of them the ratio is exact."""
        return int(Fraction(num_steps * self.amounts.batch_size) / (1 + self.amounts.texts_per_graph))


def plan(amounts: Amounts) -> Plan:
    """How many steps an epoch has. DataError where there is too little of something."""
    if not amounts.num_pairs:
        _check_enough(amounts.num_texts, amounts.batch_size, "shard samples")
        return Plan(amounts, amounts.num_texts // amounts.batch_size, 0)
    if amounts.texts_per_graph and not amounts.num_texts:
        raise DataError("texts_per_graph: there are no shard samples to mix in; give shards or set it to 0")
    num_video_steps = _num_video_steps(amounts)
    shown = num_video_steps * amounts.clip_batch_size
    if shown > amounts.num_clips:
        raise DataError(
            f"video_share: {amounts.video_share:g} of the steps would show {shown} clips an epoch, the corpora have "
            f"{amounts.num_clips} annotated frames of videos; lower it or clip_batch_size"
        )
    num_image_steps = _num_image_steps(amounts, num_video_steps) if amounts.video_share < 1 else 0
    if num_image_steps + num_video_steps == 0:
        _check_enough(amounts.num_pairs, int(_graphs_per_step(amounts)), "graph pairs")
    return Plan(amounts, num_image_steps, num_video_steps)


def _graphs_per_step(amounts: Amounts) -> Fraction:
    return Fraction(amounts.batch_size) / (1 + amounts.texts_per_graph)


def _num_image_steps(amounts: Amounts, num_video_steps: int) -> int:
    """The number of all-image steps made of the pairs that are not shown as clips."""
    return int((amounts.num_pairs - num_video_steps * amounts.clip_batch_size) / _graphs_per_step(amounts))


def _num_video_steps(amounts: Amounts) -> int:
    """The number that comes nearest to the share."""
    share = Fraction(amounts.video_share).limit_denominator(1000)
    if share == 1:
        return amounts.num_clips // amounts.clip_batch_size
    per_step = (1 - share) * _graphs_per_step(amounts) + share * amounts.clip_batch_size
    fewest = int(share * amounts.num_pairs / per_step)

    def off(number: int) -> Fraction:
        return abs(share * (_num_image_steps(amounts, number) + number) - number)

    return min(fewest, fewest + 1, key=off)


def _check_enough(count: int, needed: int, what: str) -> None:
    if count < needed:
        raise DataError(f"{count} {what} are left to train on, one step needs {needed}; lower batch_size")


def steps(plan: Plan, clip_pairs: Rows, seed: int, epoch: int) -> list[Rows]:
    """The rows of every step; pictures are rows [0, P), their clips [P, 2 P), shard samples those from 2 P on.

    `clip_pairs` are the pairs that can be clips. In an all-image step the graph pairs stand first.
    """
    amounts, rng = plan.amounts, generator(seed, "epoch", epoch)
    num_pairs = amounts.num_pairs
    clips = rng.permutation(clip_pairs)[: plan.num_video_steps * amounts.clip_batch_size]
    rest = np.ones(num_pairs, bool)
    rest[clips] = False
    pictures = rng.permutation(np.flatnonzero(rest))
    video_steps = iter((clips + num_pairs).reshape(plan.num_video_steps, -1) if len(clips) else [])
    image_steps = _image_steps(plan, pictures, seed, epoch)
    is_video = rng.permutation(np.arange(plan.num_image_steps + plan.num_video_steps) < plan.num_video_steps)
    return [np.asarray(next(video_steps) if video else next(image_steps), np.int64) for video in is_video.tolist()]


def _image_steps(plan: Plan, pictures: Rows, seed: int, epoch: int) -> Iterator[Rows]:
    amounts, num_steps = plan.amounts, plan.num_image_steps
    total = num_steps * amounts.batch_size
    num_graph = plan.graph_rows(num_steps) if amounts.num_pairs else 0
    texts = 2 * amounts.num_pairs + _texts(
        amounts.num_texts, total - num_graph, seed, epoch, whole=not amounts.num_pairs
    )
    num_taken = 0
    for step in range(num_steps):
        first, last = (plan.graph_rows(step + more) if num_graph else 0 for more in (0, 1))
        num_texts = amounts.batch_size - (last - first)
        yield np.concatenate([pictures[first:last], texts[num_taken : num_taken + num_texts]])
        num_taken += num_texts


def _texts(num_texts: int, wanted: int, seed: int, epoch: int, *, whole: bool) -> Rows:
    """The shard samples of an epoch: its own pass (`whole`), else the next ones of endless shuffled passes."""
    if whole or not wanted:
        return np.asarray(generator(seed, "texts", epoch).permutation(num_texts)[:wanted], np.int64)
    start = epoch * wanted
    passes = range(start // num_texts, (start + wanted - 1) // num_texts + 1)
    shuffled = np.concatenate([generator(seed, "texts", number).permutation(num_texts) for number in passes])
    return np.asarray(shuffled[start - passes[0] * num_texts :][:wanted], np.int64)
