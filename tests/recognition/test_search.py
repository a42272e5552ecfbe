"""Exact search by blocks against float64 over all vectors at once, and the index against exact search."""

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import bound, store
from pipeline.core.errors import DataError, FormatError
from pipeline.recognition import Recogniser, index, search
from tests.recognition.conftest import ROW

DIM = 6


def unit_rows(num_rows: int, seed: int, num_clusters: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(num_rows, DIM))
    if num_clusters:
        vectors = 0.3 * vectors + random.normal(size=(num_clusters, DIM))[random.integers(0, num_clusters, num_rows)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def in_blocks(vector_ND: np.ndarray, size: int) -> list[tuple[int, np.ndarray]]:
    return [(start, vector_ND[start : start + size]) for start in range(0, len(vector_ND), size)]


@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 80), st.integers(0, 9), st.booleans())
def test_blocks_give_what_float64_gives_over_all_vectors(num_rows, size, top, seed, repeats):
    """Equal vectors, whose order is by place, and near equal ones, which float32 cannot tell apart, included."""
    vector_ND = unit_rows(num_rows, seed)
    if repeats:
        vector_ND[num_rows // 2 :] = vector_ND[0]
        vector_ND[-1, 0] = np.nextafter(vector_ND[-1, 0], np.float32(2))
    query_D = unit_rows(1, seed + 100)[0]
    cosine_N = [sum(float(a) * float(b) for a, b in zip(row, query_D, strict=True)) for row in vector_ND]
    places, cosines = search.exact(in_blocks(vector_ND, size), query_D, top)
    assert len(places) == min(top, num_rows)
    np.testing.assert_allclose(cosines, sorted(cosine_N, reverse=True)[:top], rtol=0, atol=1e-15)
    np.testing.assert_allclose(cosines, np.array(cosine_N)[places], rtol=0, atol=1e-15)
    equal = np.diff(cosines) == 0
    assert (np.diff(places)[equal] > 0).all()


def test_the_size_of_blocks_changes_no_bit():
    vector_ND, query_D = unit_rows(5000, 0), unit_rows(1, 1)[0]
    answers = [search.exact(in_blocks(vector_ND, size), query_D, 25) for size in (7, 1000, 5000)]
    assert len({(places.tobytes(), cosines.tobytes()) for places, cosines in answers}) == 1


def test_a_query_that_is_no_direction_finds_the_first_clips():
    places, cosines = search.exact(in_blocks(unit_rows(40, 0), 16), np.zeros(DIM, np.float32), 5)
    assert places.tolist() == [0, 1, 2, 3, 4]
    assert not cosines.any()


@pytest.fixture
def many(copy):
    """The toy checkout with 4,000 made-up clips of depth."""
    path = bound.vectors(copy / ROW, "depth")
    before = store.Store(path, "bind")
    attrs, group_attrs = before.attrs, before.group_attrs("composed-0")
    with store.create(path, attrs) as writer:
        group = writer.group("composed-0", [f"clip{number:05}" for number in range(4000)], group_attrs)
        group.put("pooled", unit_rows(4000, 0, num_clusters=40))
    return Recogniser.load(copy / ROW)


def built(recogniser, recall=0.9):
    [sense] = recogniser.stored(["depth"])
    return index.build(recogniser.row, sense, sense.rows(range(0, 4000, 20)), recall)


def test_an_index_finds_most_of_the_nearest_and_says_what_share(many):
    facts = built(many).facts
    hits = 0
    [sense] = many.stored(["depth"])
    for query_D in sense.rows(range(0, 4000, 20)):
        nearest = {match.clip_id: match.cosine for match in many.search(query_D, ["depth"])}
        through = {match.clip_id: match.cosine for match in many.search(query_D, ["depth"], index=True)}
        hits += len(nearest.keys() & through.keys())
        assert all(through[name] == nearest[name] for name in nearest.keys() & through.keys())  # bit for bit
    assert facts.recall == pytest.approx(hits / 2000, abs=1e-3)
    assert 0.9 <= facts.recall <= 1
    assert facts.num_probes < facts.num_lists


def test_a_recall_of_one_reads_as_many_lists_as_that_takes(many):
    assert built(many, 1.0).facts.recall == 1
    assert built(many, 1.0).facts.num_probes > built(many, 0.1).facts.num_probes


def test_where_the_lists_that_were_read_hold_too_few_all_are_read(many):
    built(many, 0.1)
    query_D = unit_rows(1, 5)[0]
    through = many.search(query_D, ["depth"], top=3000, index=True)
    assert through == many.search(query_D, ["depth"], top=3000)


def test_senses_without_an_index_are_searched_exactly(many):
    built(many, 1.0)
    query_D = unit_rows(1, 5)[0]
    assert many.search(query_D, top=9999, index=True) == many.search(query_D, top=9999)
    with pytest.raises(DataError, match=r"no index of thermal; run `unseen index`, or search exactly"):
        many.search(query_D, ["thermal"], index=True)


def test_an_index_of_other_vectors_is_refused(many):
    built(many)
    file = next(
        path for path in (many.stored(["depth"])[0].store.path / "composed-0/pooled").rglob("*") if path.is_file()
    )
    os.utime(file, ns=(1, 1))  # as when bind writes them again
    with pytest.raises(DataError, match=r"depth\.faiss: built from other vectors than those in .*; run `unseen index`"):
        many.search(unit_rows(1, 5)[0], ["depth"], index=True)


def test_an_index_whose_bytes_have_changed_is_never_read(many):
    path = built(many).path
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"depth\.faiss: has changed since it was built; run `unseen index`"):
        many.search(unit_rows(1, 5)[0], ["depth"], index=True)


def test_a_description_that_is_none_is_refused(many):
    path = built(many).path.with_suffix(".json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "num_probes": "many"}))
    with pytest.raises(FormatError, match=r"depth\.json: not the description of an index"):
        many.search(unit_rows(1, 5)[0], ["depth"], index=True)


def test_blocks_and_rows_are_those_of_the_store(many):
    [sense] = many.stored(["depth"])
    whole = sense.store.read(sense.group, "pooled")
    assert np.concatenate([rows for _, rows in sense.blocks(999)]).tobytes() == whole.tobytes()
    assert [start for start, _ in sense.blocks(999)] == [0, 999, 1998, 2997, 3996]
    assert sense.rows([3999, 0, 7]).tobytes() == whole[[3999, 0, 7]].tobytes()
