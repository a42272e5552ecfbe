import json
from pathlib import Path

import pytest

from pipeline.formats import visual_genome as vg
from pipeline.graphs.corpora import visual_genome as corpus
from pipeline.graphs.corpora.visual_genome import RegionParams
from pipeline.graphs.scene import Relation


def stored(folder: Path, **files: object) -> Path:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def thing(number: int, name: str, box=(1, 1, 5, 5), **more) -> dict:
    return {"object_id": number, "names": [name], **dict(zip("xywh", box, strict=True)), **more}


def read(folder: Path):
    with vg.opened(folder) as images:
        return corpus.reading(images, 7)


def graph_file(objects: list, relations: list) -> list:
    edges = [{"predicate": p, "subject_id": s, "object_id": o} for s, p, o in relations]
    return [{"image_id": 7, "objects": objects, "relationships": edges}]


def test_names_and_predicates_are_cleaned(tmp_path):
    objects = [thing(1, " Dog. ", attributes=["BROWN ", "brown", ""]), thing(2, "mat")]
    made = read(stored(tmp_path, scene_graphs=graph_file(objects, [(1, " ON  the ", 2), (1, "on the", 2)])))
    assert made.graph.objects[0].names == ("dog",)
    assert made.graph.objects[0].attributes == ("brown",)
    assert made.graph.relations == (Relation(1, 2, "on the"),)


def test_what_does_not_fit_is_left_out_and_said(tmp_path):
    objects = [
        thing(1, "dog"), thing(2, "mat", (90, 90, 50, 50)), thing(3, ""), thing(4, "far", (200, 0, 5, 5)),
        thing(5, "flat", (5, 5, 0, 5)), thing(1, "again"),
    ]  # fmt: skip
    relations = [(1, "on", 2), (1, "on", 9), (1, "on", 3), (1, "on", 1), (1, " ", 2)]
    files = {
        "scene_graphs": graph_file(objects, relations),
        "image_data": [{"image_id": 7, "width": 100, "height": 100}],
    }
    made = read(stored(tmp_path, **files))
    assert [(o.id, o.box_xywh) for o in made.graph.objects] == [(1, (1, 1, 5, 5)), (2, (90, 90, 10, 10))]
    assert made.graph.relations == (Relation(1, 2, "on"),)
    assert sorted(fault.split(":")[0] for fault in made.faults) == [
        "box outside the image", "box outside the image", "duplicate object id", "object without a name",
        "relation of an object to itself", "relation to a missing object", "relation to a missing object",
        "relation without a predicate",
    ]  # fmt: skip


def test_v10_mentions_are_one_object_when_name_and_box_are(tmp_path):
    box = {"x": 1, "y": 1, "w": 5, "h": 5}
    other = {"x": 9, "y": 1, "w": 5, "h": 5}
    subject, object_ = {"id": 31, "name": "Dog", **box}, {"id": 32, "name": "mat", **other}
    made = read(
        stored(
            tmp_path,
            objects=[
                {"id": 7, "objects": [{"id": 11, "names": ["dog"], **box}, {"id": 12, "names": ["mat"], **other}]}
            ],
            attributes=[{"id": 7, "attributes": [{"id": 21, "object_names": ["dog"], "attributes": ["brown"], **box}]}],
            relationships=[
                {"id": 7, "relationships": [{"id": 5, "predicate": "on", "subject": subject, "object": object_}]}
            ],
        )
    )
    assert made.graph.relations == (Relation(11, 12, "on"),)
    assert made.graph.objects[0].attributes == ("brown",)
    assert made.faults == []


def test_a_merged_id_leads_to_the_object_that_stayed(tmp_path):
    objects = [thing(1, "dog", merged_object_ids=[91]), thing(2, "mat")]
    made = read(stored(tmp_path, scene_graphs=graph_file(objects, [(91, "on", 2)])))
    assert made.graph.relations == (Relation(1, 2, "on"),)


@pytest.mark.parametrize(
    ("objects", "reason"), [([], "no objects"), ([thing(1, "")], "no objects"), ({"a": 1}, "malformed record")]
)
def test_an_image_of_which_nothing_is_left_is_rejected(tmp_path, objects, reason):
    made = read(stored(tmp_path, scene_graphs=[{"image_id": 7, "objects": objects, "relationships": []}]))
    assert made.graph is None
    assert made.reason.startswith(reason)


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("https://a.invalid/b/VG_100K/7.jpg", "VG_100K/7.jpg"),
        ("https://a.invalid/../7.jpg", None),
        ("7.jpg", None),
        (None, None),
    ],
)
def test_a_picture_is_found_by_the_end_of_its_address_and_nowhere_else(tmp_path, url, image):
    files = {
        "scene_graphs": graph_file([thing(1, "dog")], []),
        "image_data": [{"image_id": 7, "width": 9, "height": 9, "url": url}],
    }
    assert read(stored(tmp_path, **files)).image == image


def test_regions_are_the_crops_that_say_most_and_differ(tmp_path):
    objects = [
        thing(1, "dog"),
        thing(2, "mat", (8, 1, 5, 5)),
        thing(3, "cat", (60, 60, 5, 5)),
        thing(4, "rug", (70, 60, 5, 5)),
    ]
    boxes = {10: (0, 0, 20, 20), 11: (0, 0, 21, 20), 12: (55, 55, 30, 30), 13: (0, 0, 100, 100), 14: (90, 0, 5, 5)}
    regions = [{"region_id": n, **dict(zip(("x", "y", "width", "height"), b, strict=True))} for n, b in boxes.items()]
    folder = stored(
        tmp_path,
        scene_graphs=graph_file(objects, [(1, "on", 2), (2, "under", 1), (3, "on", 4)]),
        image_data=[{"image_id": 7, "width": 100, "height": 100}],
        region_descriptions=[{"id": 7, "regions": regions}],
    )
    with vg.opened(folder) as images:
        whole = corpus.reading(images, 7)
        crops = list(corpus.regions(images, whole, RegionParams(max_regions=5, min_inside=0.9, max_area=0.5)))
        one = list(corpus.regions(images, whole, RegionParams(max_regions=1, min_inside=0.9, max_area=0.5)))
        all_ = list(corpus.regions(images, whole, RegionParams(max_regions=5, min_inside=0.9, max_area=1.0)))
        none = list(corpus.regions(images, whole, RegionParams(max_regions=0, min_inside=0.9, max_area=0.5)))
    assert [(c.graph.region, len(c.graph.relations), c.crop_xywh) for c in crops] == [
        ("10", 2, boxes[10]),
        ("12", 1, boxes[12]),
    ]
    assert [c.graph.region for c in one] == ["10"]
    assert [c.graph.region for c in all_] == ["10", "12", "13"]
    assert none == []


def test_a_region_has_its_phrase_and_its_boxes_in_the_whole_picture_too(tmp_path):
    region = {"region_id": 3, "x": 4, "y": 2, "width": 30, "height": 30, "phrase": " a  Dog on a mat. "}
    folder = stored(
        tmp_path,
        scene_graphs=graph_file([thing(1, "dog", (0, 1, 20, 10)), thing(2, "mat", (10, 20, 10, 5))], [(1, "on", 2)]),
        image_data=[{"image_id": 7, "width": 100, "height": 100, "coco_id": 61512}],
        region_descriptions=[{"id": 7, "regions": [region]}],
    )
    with vg.opened(folder) as images:
        whole = corpus.reading(images, 7)
        crops = list(corpus.regions(images, whole, RegionParams(max_regions=5, min_inside=0.7, max_area=0.5)))
    assert (whole.coco_id, whole.phrase) == (61512, None)
    assert [(c.coco_id, c.phrase) for c in crops] == [(61512, "a Dog on a mat.")]
    assert [(o.box_xywh, o.whole_xywh) for o in crops[0].graph.objects] == [
        ((0, 0, 16, 9), (0, 1, 20, 10)),
        ((6, 18, 10, 5), (10, 20, 10, 5)),
    ]
    assert all(o.whole_xywh is None for o in whole.graph.objects)


@pytest.mark.parametrize("coco_id", [None, -1, 1 << 60])
def test_a_number_that_is_no_id_of_coco_is_left_out(tmp_path, coco_id):
    files = {
        "scene_graphs": graph_file([thing(1, "dog")], []),
        "image_data": [{"image_id": 7, "width": 9, "height": 9, "coco_id": coco_id}],
    }
    made = read(stored(tmp_path, **files))
    assert made.graph is not None
    assert made.coco_id is None
