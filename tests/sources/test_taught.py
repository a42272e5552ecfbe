"""Which classes of a source are taught, with the vectors of their texts."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.labels.overlap import Check, OverlapParams
from pipeline.sources.taught import Named, taught

SOURCE = ["wave", "clap hands", "jump", "sitting down"]
GYM, HOME = ["jump", "kick"], ["sit down", "applause"]
VECTORS = {
    "source": np.eye(4, 6, dtype=np.float32),
    "gym": np.array([[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]], np.float32),
    "home": np.array([[0, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0.1]], np.float32),
}


def named(root: Path, dataset: str, names: list[str], of_seeds: str = "t", **about: str) -> Named:
    path = root / f"{dataset}.zarr"
    told = {"dataset": dataset, "encoder": "tiny", "dim": 6, "weights_hash": "t", **about}
    with store.create(path, told) as writer:
        ids = [f"{class_id:04d}-00" for class_id in range(len(names))]
        for seed in (0, 1):  # of the second the vectors run backwards
            vectors = VECTORS[dataset] if seed == 0 else VECTORS[dataset][:, ::-1].copy()
            writer.group(f"label@{seed}", ids, {"weights_hash": f"{of_seeds}{seed}"}).put("pooled", vectors)
    return Named(dataset, names, path)


@pytest.fixture
def datasets(tmp_path: Path) -> list[Named]:
    return [named(tmp_path, "source", SOURCE), named(tmp_path, "gym", GYM), named(tmp_path, "home", HOME)]


def params(*remove: Check) -> OverlapParams:
    return OverlapParams(remove=list(remove), threshold=0.05, text_type="label")


def test_what_a_check_tells_is_left_out_and_the_rest_is_named_as_kept(datasets: list[Named]) -> None:
    """ "clap hands" lies .005 from "applause"; all but "wave" are some target's class."""
    source, *targets = datasets
    for remove, removed, kept in (
        ((), [], ["clap hands", "jump", "sitting down"]),
        (("names",), ["jump"], ["clap hands", "sitting down"]),
        (("names", "words"), ["jump", "sitting down"], ["clap hands"]),
    ):
        found = taught(source, targets, [0, 1, 2, 3], params(*remove), seed=0)
        assert [each.source for each in found.removed] == removed
        assert [each.source for each in found.kept_overlap] == kept
        assert list(found.names.values()) == [name for name in SOURCE if name not in removed]
        assert np.allclose(found.vectors_KE, VECTORS["source"][list(found.names)])


def test_classes_that_are_not_asked_for_are_neither_taught_nor_compared(datasets: list[Named]) -> None:
    found = taught(datasets[0], datasets[1:], [3, 0], params(), seed=0)
    assert list(found.names) == [0, 3]
    assert [(each.class_id, each.target, each.dataset, each.how) for each in found.kept_overlap] == [
        (3, "sit down", "home", "words")
    ]


def test_texts_are_those_of_the_seed(datasets: list[Named]) -> None:
    first, second = (taught(datasets[0], [], [0, 1], params(), seed=seed) for seed in (0, 1))
    assert (first.texts_hash, second.texts_hash) == ("t0", "t1")
    assert np.allclose(first.vectors_KE[:, ::-1], second.vectors_KE)


def test_a_source_of_which_one_class_is_left_is_refused(datasets: list[Named]) -> None:
    with pytest.raises(DataError, match=r"1 of 4 classes are left to learn, .* \['gym', 'home'\]"):
        taught(datasets[0], datasets[1:], [0, 1, 2, 3], params("names", "words", "vectors"), seed=0)


def test_texts_by_other_weights_are_refused(datasets: list[Named], tmp_path: Path) -> None:
    other = named(tmp_path / "other", "gym", GYM, weights_hash="u")
    with pytest.raises(DataError, match="or by other weights; embed both with the same"):
        taught(datasets[0], [other], [0, 1], params(), seed=0)


def test_texts_by_other_weights_of_the_same_seed_are_refused(datasets: list[Named], tmp_path: Path) -> None:
    other = named(tmp_path / "other", "gym", GYM, of_seeds="u")
    with pytest.raises(DataError, match="or by other weights; embed both with the same"):
        taught(datasets[0], [other], [0, 1], params(), seed=0)
