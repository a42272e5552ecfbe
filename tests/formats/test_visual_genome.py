import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import FormatError, UnseenError
from pipeline.formats import visual_genome as vg

BOX = {"x": 1, "y": 2, "w": 3, "h": 4}


def v12(image_id: int = 7) -> dict[str, list]:
    """One image in the files of v1.2."""
    dog = {"object_id": 1, "names": ["dog"], "synsets": ["dog.n.01"], **BOX}
    mat = {"object_id": 2, "names": ["mat"], "synsets": [], **BOX}
    ends = {"subject": {**dog, "name": "dog"}, "object": {**mat, "name": "mat"}}
    return {
        "objects": [{"image_id": image_id, "objects": [dog, mat]}],
        "attributes": [{"image_id": image_id, "attributes": [{**dog, "attributes": ["brown"]}, mat]}],
        "relationships": [{"relationships": [{"relationship_id": 5, "predicate": "ON", **ends}], "image_id": image_id}],
        "image_data": [{"image_id": image_id, "width": 80, "height": 60, "url": "https://x.invalid/VG_100K/7.jpg"}],
    }


def v10(image_id: int = 7) -> dict[str, list]:
    """The same in v1.0: every mention has an id of its own, names stand under three keys."""
    ends = {"subject": {"id": 31, "name": "dog", **BOX}, "object": {"id": 32, "name": "mat", **(BOX | {"x": 9})}}
    objects = [{"id": 11, "names": ["dog"], **BOX}, {"id": 12, "names": ["mat"], **(BOX | {"x": 9})}]
    attributes = [{"id": 21, "object_names": ["dog"], "attributes": ["brown"], **BOX}]
    return {
        "objects": [{"id": image_id, "objects": objects}],
        "attributes": [{"id": image_id, "attributes": attributes}],
        "relationships": [{"id": image_id, "relationships": [{"id": 5, "predicate": "on", **ends}]}],
    }


def write(folder: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name}.json").write_text(text)
    return folder


def read(folder: Path, image_id: int = 7) -> vg.Image:
    with vg.opened(folder) as annotations:
        return annotations.read(image_id)


def test_v12_joins_its_files_by_object_id(tmp_path):
    image = read(write(tmp_path, v12()))
    assert [(o.object_id, o.names, o.attributes) for o in image.objects] == [(1, ["dog"], ("brown",)), (2, ["mat"], ())]
    assert image.edges == [(1, "ON", 2)]
    assert (image.data.width, image.data.height, image.one_id_per_object) == (80, 60, True)


def test_v10_keeps_every_mention_for_the_corpus_to_join(tmp_path):
    image = read(write(tmp_path, v10()))
    assert [(o.object_id, o.names) for o in image.objects] == [(11, ["dog"]), (12, ["mat"])]
    assert [(o.object_id, o.names, o.attributes) for o in image.attributed] == [(21, ["dog"], ("brown",))]
    assert [(s.object_id, p, o.object_id) for s, p, o in image.mentioned] == [(31, "on", 32)]
    assert not image.one_id_per_object


def test_scene_graphs_stand_for_all_other_files(tmp_path):
    graph = {
        "image_id": 7,
        "objects": [
            {"object_id": 1, "names": ["dog"], **BOX},
            {"object_id": 2, "names": ["mat"], **BOX, "attributes": ["red"]},
        ],
        "relationships": [{"relationship_id": 5, "predicate": "on", "subject_id": 1, "object_id": 2, "synsets": []}],
    }
    image = read(write(tmp_path, {"scene_graphs": [graph]}))
    assert [o.attributes for o in image.objects] == [(), ("red",)]
    assert image.edges == [(1, "on", 2)]


def test_v14_ids_that_were_merged_lead_to_the_object_that_stayed(tmp_path):
    files = v12()
    files["objects"][0]["objects"][0]["merged_object_ids"] = [91]
    files["relationships"][0]["relationships"][0]["subject"]["object_id"] = 91
    image = read(write(tmp_path, files))
    assert image.merged == {91: 1}
    assert image.edges == [(91, "ON", 2)]


def test_an_object_that_only_objects_json_has_is_not_lost(tmp_path):
    files = v12()
    files["attributes"][0]["attributes"].pop()
    image = read(write(tmp_path, files))
    assert [o.object_id for o in image.objects] == [1, 2]
    assert [o.attributes for o in image.attributed] == [("brown",)]


def test_without_attributes_and_relationships_objects_are_enough(tmp_path):
    files = v12()
    image = read(write(tmp_path, {"objects": files["objects"]}))
    assert len(image.objects) == 2
    assert image.edges == image.mentioned == []


def test_images_are_listed_in_the_order_of_tables_and_id_may_stand_anywhere(tmp_path):
    objects = [{"objects": [], "note": {"id": 3}, "image_id": n} for n in (10, 9, 2)] + [
        {"note": 1, "id": 11, "objects": []}
    ]
    with vg.opened(write(tmp_path, {"objects": objects})) as annotations:
        assert annotations.image_ids() == [10, 11, 2, 9]


def test_an_id_inside_a_record_is_not_the_images(tmp_path):
    objects = [{"objects": [{"id": 5}], "image_id": 4, "end": [{"id": 6}]}]
    with vg.opened(write(tmp_path, {"objects": objects})) as annotations:
        assert annotations.image_ids() == [4]


@pytest.mark.parametrize(
    ("files", "image_reason"),
    [
        ({"objects": [v12()["objects"][0], v12()["objects"][0]]}, "duplicate image id: twice in objects.json"),
        ({"objects": [{"image_id": 7, "objects": [{"object_id": "x", "names": ["dog"], **BOX}]}]}, "malformed record"),
        ({"objects": [{"image_id": 7, "objects": {"a": 1}}]}, "malformed record"),
        ({"objects": [{"image_id": 7, "objects": [{"names": ["dog"], **BOX}]}]}, "an object without an id"),
        ({"scene_graphs": [{"image_id": 7, "objects": [], "relationships": [{"predicate": 3}]}]}, "malformed record"),
    ],
)
def test_a_bad_record_is_one_bad_image(tmp_path, files, image_reason):
    with vg.opened(write(tmp_path, files)) as annotations, pytest.raises(vg.BadImageError, match=image_reason):
        annotations.read(7)


def test_a_record_of_more_bytes_than_an_image_has_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(vg, "MAX_IMAGE_BYTES", 100)
    with vg.opened(write(tmp_path, v12())) as annotations, pytest.raises(vg.BadImageError, match="record too large"):
        annotations.read(7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ('[{"image_id": 7, "objects": [', "expected a JSON list of images"),
        ('{"image_id": 7}', "expected a JSON list of images"),
        ("[3]", "a record is no image"),
        ('[{"objects": []}]', "neither image_id nor id"),
        ("[" * 100_000, "expected a JSON list of images"),
    ],
)
def test_a_file_that_is_no_list_of_images_is_one_clear_line(tmp_path, text, message):
    with pytest.raises(FormatError, match=message) as caught, vg.opened(write(tmp_path, {"objects": text})):
        pass
    assert "\n" not in str(caught.value)


def test_a_folder_without_annotations_is_said(tmp_path):
    with pytest.raises(FormatError, match=r"neither scene_graphs\.json nor objects\.json"), vg.opened(tmp_path):
        pass


def test_an_error_while_a_file_is_open_comes_out_as_it_is(tmp_path):
    with pytest.raises(KeyError), vg.opened(write(tmp_path, v12())) as annotations:  # noqa: PT012 - holds an image
        image = annotations._indexes["objects"].images[7]
        raise KeyError(image)


def test_aliases_are_groups_of_names(tmp_path):
    path = tmp_path / "object_alias.txt"
    path.write_text("couch, sofa\n\nlonely\nman,guy,gentleman\n")
    assert vg.read_aliases(path) == [["couch", "sofa"], ["man", "guy", "gentleman"]]
    assert vg.read_aliases(tmp_path / "none.txt") == []
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="not UTF-8"):
        vg.read_aliases(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_our_errors_and_no_others(tmp_path, data):
    files = v12() if data.draw(st.booleans()) else v10()
    name = data.draw(st.sampled_from(sorted(files)))
    raw = bytearray(json.dumps(files[name]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    write(tmp_path, files)
    (tmp_path / f"{name}.json").write_bytes(bytes(raw[:cut] if data.draw(st.booleans()) else raw))
    with suppress(UnseenError, vg.BadImageError), vg.opened(tmp_path) as annotations:
        for image_id in annotations.image_ids():
            annotations.read(image_id)


def test_the_real_excerpts_are_read(real_data):
    for version, most in (("v1.0", 62), ("v1.2", 52)):
        with vg.opened(real_data / "visual-genome" / version) as annotations:
            images = [annotations.read(image_id) for image_id in annotations.image_ids()]
            assert [image.image_id for image in images] == [1, 2, 3, 4, 5]
            assert max(len(image.objects) for image in images) == most
            assert all(annotations.read_regions(image.image_id) for image in images)


def test_a_file_of_empty_lists_is_refused_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(vg, "_INDEX_BYTES", 16 << 20)
    (tmp_path / "objects.json").write_bytes(b"[" + b"[]," * 5_000_000 + b"[]]")
    with pytest.raises(FormatError, match=r"more records than its images explain"), vg.opened(tmp_path):
        pass


def test_a_folder_in_place_of_aliases_is_said(tmp_path):
    with pytest.raises(FormatError, match="a folder, expected a list of aliases"):
        vg.read_aliases(tmp_path)
