"""The probe against counts by hand, and the two halves of what is held out."""

import numpy as np
import pytest

from pipeline.core.pairs import FalseText, GeneralPair, GraphPair, Picture, Vectors
from pipeline.training.probe import CANDIDATES, Probe, Selection, parted

DIM = 2 * CANDIDATES


def graph_pair(number: int, negatives: int, image_id: str | None = None) -> GraphPair:
    false = tuple(FalseText("swap_roles", index, f"false {number} {index}", True, False) for index in range(negatives))
    picture = __file__  # never opened
    return GraphPair("demo_vg", image_id or str(number), "", picture, None, f"true {number}", false)  # type: ignore[arg-type]


class Told:
    """An encoder that is told each text's and picture's vector; a picture is its number."""

    def __init__(self, cosines: dict[str, float]) -> None:
        self.cosines = cosines

    def image_vectors(self, pictures: list[Picture]) -> Vectors:
        return np.eye(DIM, dtype=np.float32)[[int(picture[0, 0, 0]) for picture in pictures]]

    def text_vectors(self, texts: list[str]) -> Vectors:
        """A text "... n ..." lies at the given cosine from picture n."""
        vectors = np.zeros((len(texts), DIM), np.float32)
        for row, text in enumerate(texts):
            cosine = self.cosines[text]
            number = int(text.split()[1])
            vectors[row, number], vectors[row, -1] = cosine, np.sqrt(1 - cosine**2)
        return vectors


def selection(share: float = 0.4, max_pairs: int = 1000, seed: int = 0) -> Selection:
    return Selection(share=share, max_pairs=max_pairs, seed=seed)


def numbered(pair: GraphPair | GeneralPair) -> Picture:
    number = pair.image_id if isinstance(pair, GraphPair) else pair.caption.split()[1]
    return np.full((4, 4, 3), int(number), np.uint8)


def test_captions_told_apart_are_counted_and_a_tie_is_half() -> None:
    cosines = {"true 0": 0.5, "false 0 0": 0.4, "false 0 1": 0.6, "true 1": 0.3, "false 1 0": 0.3}
    pairs = [graph_pair(0, 2), graph_pair(1, 1), graph_pair(2, 0)]
    found = Probe(pairs, [], numbered).measure(Told(cosines))
    assert found == {"told_apart": pytest.approx((1 + 0 + 0.5) / 3)}


def test_retention_is_the_share_of_pictures_whose_own_text_is_nearest() -> None:
    general = [GeneralPair(f"shard/{number}", f"picture {number}") for number in range(CANDIDATES)]
    knows = {pair.caption: 0.9 if number % 2 else -0.9 for number, pair in enumerate(general)}
    found = Probe([], general, numbered).measure(Told(knows))
    # Of a picture with its text turned away every other text, at cosine 0, is nearer.
    assert found == {"retention": pytest.approx(0.5)}


def test_pictures_are_decoded_once_however_often_is_measured() -> None:
    decoded: list[str] = []

    def counted(pair: GraphPair | GeneralPair) -> Picture:
        decoded.append(pair.key)
        return numbered(pair)

    general = [GeneralPair(f"shard/{number}", f"picture {number}") for number in range(CANDIDATES)]
    pairs = [graph_pair(0, 1), graph_pair(1, 0)]
    cosines = {"true 0": 0.5, "false 0 0": 0.4} | {pair.caption: 0.9 for pair in general}
    probe = Probe(pairs, general, counted)
    assert probe.measure(Told(cosines)) == probe.measure(Told(cosines))
    assert sorted(decoded) == sorted([pairs[0].key, *(pair.key for pair in general)])


def test_nothing_held_out_measures_nothing() -> None:
    assert Probe([graph_pair(0, 0)], [], numbered).measure(Told({})) == {}


def test_frames_of_a_video_and_regions_of_an_image_stay_on_one_side() -> None:
    pairs = [graph_pair(n, 1, image_id=f"V{n % 7}.mp4/{n:06d}.png") for n in range(70)]
    general = [GeneralPair(f"shard/{number}", "a dog") for number in range(200)]
    (by, told), (left, rest) = parted(pairs, general, selection())
    assert sorted(map(id, [*by, *left])) == sorted(map(id, pairs))
    assert not {p.image_id[:2] for p in by} & {p.image_id[:2] for p in left}
    assert 0 < len(by) < 70
    assert 50 < len(told) < 110
    assert len(told) + len(rest) == 200
    assert parted(pairs, general, selection(seed=1))[0][1] != told
    assert parted(pairs, general, selection(share=0.0))[0] == ([], [])


def test_no_more_than_so_many_are_selected_on_and_those_left_over_are_not_reported() -> None:
    general = [GeneralPair(f"shard/{number}", "a dog") for number in range(200)]
    (_, many), (_, left) = parted([], general, selection())
    (_, few), (_, same) = parted([], general, selection(max_pairs=10))
    assert few == many[:10]
    assert same == left
