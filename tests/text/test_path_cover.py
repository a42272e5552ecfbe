"""Path covers against brute force: every digraph of up to four nodes, random ones of five to seven."""

import random
from itertools import pairwise

import networkx as nx
import pytest

from pipeline.text.path_cover import minimum_path_cover

Edges = set[tuple[int, int]]


def fewest_paths(num_nodes: int, edges: Edges) -> int:
    """By dynamic programming over (visited, last): a step along no edge begins a new path."""
    best = {(1 << node, node): 1 for node in range(num_nodes)}
    for visited in range(1, 1 << num_nodes):
        for last in range(num_nodes):
            paths = best.get((visited, last))
            if paths is None:
                continue
            for after in range(num_nodes):
                if not visited >> after & 1:
                    key = (visited | 1 << after, after)
                    best[key] = min(best.get(key, num_nodes), paths + ((last, after) not in edges))
    return min(paths for (visited, _), paths in best.items() if visited == (1 << num_nodes) - 1)


def cover_of(num_nodes: int, edges: Edges, max_matchings: int = 10**6):
    return minimum_path_cover(
        {a: [b for b in range(num_nodes) if (a, b) in edges] for a in range(num_nodes)}, max_matchings
    )


def assert_valid(num_nodes: int, edges: Edges, paths: list[list[int]]) -> None:
    assert sorted(node for path in paths for node in path) == list(range(num_nodes))
    assert all(step in edges for path in paths for step in pairwise(path))
    assert paths == sorted(paths, key=lambda path: (-len(path), path[0]))


@pytest.mark.parametrize("num_nodes", [1, 2, 3, 4])
def test_every_small_digraph_is_covered_by_the_fewest_paths(num_nodes):
    pairs = [(a, b) for a in range(num_nodes) for b in range(num_nodes) if a != b]
    for chosen in range(1 << len(pairs)):
        edges = {pair for place, pair in enumerate(pairs) if chosen >> place & 1}
        cover = cover_of(num_nodes, edges)
        assert_valid(num_nodes, edges, cover.paths)
        assert cover.proven
        assert len(cover.paths) == fewest_paths(num_nodes, edges)


@pytest.mark.parametrize("num_nodes", [5, 6, 7])
@pytest.mark.parametrize("density", [0.15, 0.3, 0.6])
def test_random_digraphs_are_covered_by_the_fewest_paths(num_nodes, density):
    rng = random.Random(num_nodes)
    for _ in range(60):
        edges = {(a, b) for a in range(num_nodes) for b in range(num_nodes) if a != b and rng.random() < density}
        cover = cover_of(num_nodes, edges)
        assert_valid(num_nodes, edges, cover.paths)
        assert len(cover.paths) == fewest_paths(num_nodes, edges)


def test_an_acyclic_graph_agrees_with_networkx_matching():
    rng = random.Random(3)
    for _ in range(20):
        edges = {(a, b) for a in range(30) for b in range(a + 1, 30) if rng.random() < 0.08}
        halves = nx.Graph([(("out", a), ("in", b)) for a, b in edges])
        top = [node for node in halves if node[0] == "out"]
        matched = len(nx.bipartite.maximum_matching(halves, top)) // 2 if edges else 0
        assert len(cover_of(30, edges, 1).paths) == 30 - matched


def test_a_search_that_runs_out_is_valid_and_says_so():
    rng = random.Random(8)
    unproven = 0
    for _ in range(40):
        edges = {(a, b) for a in range(9) for b in range(9) if a != b and rng.random() < 0.22}
        short, full = cover_of(9, edges, 1), cover_of(9, edges)
        assert_valid(9, edges, short.paths)
        assert len(short.paths) >= len(full.paths) == fewest_paths(9, edges)
        assert full.proven
        if short.proven:
            assert len(short.paths) == len(full.paths)
        unproven += not short.proven
    assert unproven
