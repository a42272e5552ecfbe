"""Scene graphs as networkx graphs and back, for those who want its algorithms; the pipeline does without."""

from typing import TYPE_CHECKING

from pipeline.graphs.scene import Relation, SceneGraph, SceneObject, scene_graph

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(graph: SceneGraph) -> "nx.MultiDiGraph":
    """A MultiDiGraph over object ids; node and edge data are the fields of SceneObject and Relation."""
    import networkx as nx

    network = nx.MultiDiGraph(image_id=graph.image_id, region=graph.region, width=graph.width, height=graph.height)
    for thing in graph.objects:
        network.add_node(
            thing.id,
            names=thing.names,
            attributes=thing.attributes,
            synsets=thing.synsets,
            box_xywh=thing.box_xywh,
            whole_xywh=thing.whole_xywh,
        )
    for edge in graph.relations:
        network.add_edge(edge.subject, edge.object, predicate=edge.predicate, group=edge.group)
    return network


def from_networkx(network: "nx.MultiDiGraph") -> SceneGraph:
    """The scene graph of a MultiDiGraph as `to_networkx` makes it; ValueError where it is no valid scene graph."""
    about = network.graph
    return scene_graph(
        about["image_id"],
        about["region"],
        (about["width"], about["height"]),
        [SceneObject(node, **data) for node, data in network.nodes(data=True)],
        [Relation(subject, object_, **data) for subject, object_, data in network.edges(data=True)],
    )
