"""Scene graphs as networkx graphs, whose algorithms ours are checked against."""

import networkx as nx

from pipeline.graphs.scene import SceneGraph


def to_networkx(graph: SceneGraph) -> nx.MultiDiGraph:
    network = nx.MultiDiGraph()
    network.add_nodes_from(thing.id for thing in graph.objects)
    network.add_edges_from((edge.subject, edge.object, {"predicate": edge.predicate}) for edge in graph.relations)
    return network
