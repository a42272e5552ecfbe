import json

import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import caption_pairs
from pipeline.formats.caption_pairs import CaptionPair

ARO = {
    "image_id": 1,
    "image_path": "VG/1.jpg",
    "bbox_x": 3,
    "bbox_y": 4.0,
    "bbox_w": 50,
    "bbox_h": 60,
    "true_caption": "the man is on the horse",
    "false_caption": "the horse is on the man",
}
CREPE = {"filename": "000000085329.jpg", "caption": "a cup", "negative_caption": "a cap"}
LINE = {"image": "1.jpg", "caption": "a cup", "false_caption": ["a cap", "no cup"], "rule": "odd"}


def written(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_aro_asks_about_the_box_of_a_relation_or_of_attributes(tmp_path):
    told = [ARO | {"relation_name": "on"}, ARO | {"attributes": ["red", "big"]}, ARO]
    boxless = {key: value for key, value in ARO.items() if not key.startswith("bbox")}
    found = caption_pairs.read(written(tmp_path / "relation.json", [*told, boxless]))
    true, false = ARO["true_caption"], ARO["false_caption"]
    assert found[0] == CaptionPair("VG/1.jpg", (3, 4, 50, 60), true, false, "on")
    assert [one.rule for one in found] == ["on", "red / big", "relation", "relation"]
    assert [one.crop_xywh for one in found[2:]] == [(3, 4, 50, 60), None]


def test_sugarcrepe_names_its_rule_by_its_file(tmp_path):
    expected = CaptionPair("000000085329.jpg", None, "a cup", "a cap", "swap_obj")
    for value in ({"0": CREPE, "7": CREPE}, [CREPE, CREPE]):
        assert caption_pairs.read(written(tmp_path / "swap_obj.json", value)) == [expected, expected]


def test_a_mark_of_byte_order_and_white_space_are_passed_over(tmp_path):
    file = tmp_path / "swap_obj.json"
    file.write_bytes(b"\xef\xbb\xbf \n" + json.dumps([CREPE]).encode())
    assert len(caption_pairs.read(file)) == 1


def test_vl_checklist_sets_each_true_text_against_each_false_one(tmp_path):
    file = written(tmp_path / "action.json", [["a/1.jpg", {"POS": ["a", "b"], "NEG": ["c", "d"]}]])
    found = caption_pairs.read(file)
    assert [(one.caption, one.false) for one in found] == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]
    assert {(one.image, one.rule) for one in found} == {("a/1.jpg", "action")}


def test_lines_and_tables_of_ones_own(tmp_path):
    lines = "\n".join(json.dumps(one) for one in (LINE, {**LINE, "false_caption": "x", "rule": None})) + "\n\n"
    found = caption_pairs.read(written(tmp_path / "mine.jsonl", lines))
    assert [(one.false, one.rule) for one in found] == [("a cap", "odd"), ("no cup", "odd"), ("x", "mine")]
    table = "rule,image,caption,false_caption\nodd,1.jpg,a cup,a cap\n,2.jpg,a cup,a cap\n"
    found = caption_pairs.read(written(tmp_path / "mine.csv", table))
    assert [(one.image, one.rule) for one in found] == [("1.jpg", "odd"), ("2.jpg", "mine")]
    bare = caption_pairs.read(written(tmp_path / "bare.csv", "image,caption,false_caption\n1.jpg,a,b\n"))
    assert bare == [CaptionPair("1.jpg", None, "a", "b", "bare")]


@pytest.mark.parametrize("kind", caption_pairs.KINDS)
def test_a_layout_may_be_named(tmp_path, kind):
    values = {
        "aro": [ARO],
        "sugarcrepe": {"0": CREPE},
        "vl_checklist": [["1.jpg", {"POS": ["a"], "NEG": ["b"]}]],
        "csv": "image,caption,false_caption\n1.jpg,a,b\n",
        "jsonl": json.dumps(LINE),
    }
    file = written(tmp_path / "odd.txt", values[kind])
    assert caption_pairs.read(file, kind)
    other = "jsonl" if kind != "jsonl" else "aro"
    with pytest.raises(FormatError):
        caption_pairs.read(file, other)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([ARO | {"image_path": "../secret.jpg"}], "question 1: picture '../secret.jpg', expected a path below"),
        ([ARO | {"image_path": "/etc/passwd"}], "question 1: picture '/etc/passwd'"),
        ([ARO | {"image_path": "a\\..\\b.jpg"}], "expected a path below"),
        ([ARO | {"image_path": "a\u0007.jpg"}], "expected a path below"),
        ([ARO, ARO | {"false_caption": " "}], "question 2: an empty caption"),
        ([ARO | {"true_caption": "x" * 10001}], "a caption of 10001 characters"),
        ([ARO | {"relation_name": "\u001b[2J"}], "question 1: rule"),
        ([ARO | {"bbox_w": 0}], "has no pixel in it"),
        ([ARO | {"bbox_x": -50}], "has no pixel in it"),
        ([ARO | {"bbox_x": -(1 << 40)}], "expected x, y, width and height"),
        (
            [ARO, ARO | {"false_caption": " the man is  on the horse"}],
            "question 2: the true and the false caption are the",
        ),
        ([["1.jpg", {"POS": ["a"], "NEG": []}]], "entry 1: no NEG text; every question needs"),
        ([ARO | {"bbox_w": None}], "expected x, y, width and height"),
        ([ARO | {"bbox_w": 1 << 40}], "expected x, y, width and height"),
        ([], "no question in it"),
        ({}, "no question in it"),
        ([["1.jpg", {"POS": [], "NEG": ["a"]}]], "entry 1: no POS text; every question needs"),
        ([{"image": "1.jpg"}], "not ARO's pictures with a true and a false caption"),
        ({"0": {"filename": "1.jpg", "caption": "a"}}, "not SugarCrepe's"),
        ([["1.jpg", {"POS": "a", "NEG": ["b"]}]], "not VL-CheckList's"),
        ("hello", "neither JSON nor .csv nor .jsonl"),
    ],
)
def test_what_is_no_such_file_is_one_clear_line(tmp_path, value, words):
    with pytest.raises(FormatError) as stopped:
        caption_pairs.read(written(tmp_path / "a.json", value))
    assert words in str(stopped.value)


@pytest.mark.parametrize("false", [[], ""])
def test_a_line_without_a_false_text_is_one_clear_line(tmp_path, false):
    lines = "\n".join(json.dumps(one) for one in (LINE, {**LINE, "false_caption": false}))
    with pytest.raises(FormatError, match="entry 2: no false_caption; every question needs a true and a false text"):
        caption_pairs.read(written(tmp_path / "a.jsonl", lines))


def test_a_box_that_begins_before_the_picture_is_cut_at_its_edge(tmp_path):
    (one,) = caption_pairs.read(written(tmp_path / "a.json", [ARO | {"bbox_x": -3, "bbox_y": -1.5}]))
    assert one.crop_xywh == (0, 0, 47, 59)


def test_a_table_that_is_not_there_says_what_was_expected(tmp_path):
    with pytest.raises(FormatError, match="expected pictures with a true and a false caption"):
        caption_pairs.read(tmp_path / "gone.csv")


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(FormatError, match="no such file; expected pictures with a true and a false caption"):
        caption_pairs.read(tmp_path / "gone.json")


def test_too_many_questions_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(caption_pairs, "_MAX_QUESTIONS", 3)
    file = written(tmp_path / "a.json", [["1.jpg", {"POS": ["a", "b"], "NEG": ["c", "d"]}]])
    with pytest.raises(FormatError, match="more than 3 questions"):
        caption_pairs.read(file)
