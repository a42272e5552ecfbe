"""What paths tell of clips: patterns in braces, and the ways of naming that are known."""

import pytest

from pipeline.commands.collection import naming
from pipeline.commands.collection.naming import Named
from pipeline.core.errors import ParamsError


def named(paths, pattern=None):
    found = naming.by_pattern(pattern, paths) if pattern else naming.detected(paths)
    return found and (found.title, [found.named.get(path) for path in paths])


@pytest.mark.parametrize(
    ("pattern", "path", "told"),
    [
        ("a{class}_s{subject}_t{take}_skeleton", "x/a10_s3_t2_skeleton", Named("10", "3")),
        ("a{class}_s{subject}_t{take}", "x/a10_s3_t2_depth", Named("10", "3")),  # the word of a sense may be left out
        ("{class}", "sit down", Named("sit down")),
        ("{subject}/{class}-{any}", "deep/anna/wave-3", Named("wave", "anna")),
        ("{class}/{any}", "train/sit/1", Named("sit", side="train")),
        ("{class}.{any}.(x)+", "wave.1.(x)+", Named("wave")),
    ],
)
def test_a_pattern_takes_a_name_apart(pattern, path, told):
    assert named([path], pattern) == (f"pattern {pattern}", [told])


def test_a_pattern_leaves_out_what_it_does_not_fit():
    paths = ["a1_s1_t1_skeleton", "notes"]
    assert named(paths, naming.EXAMPLE)[1] == [Named("1", "1"), None]


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("a{class_s{subject}", "a brace is open"),
        ("a{class}}", "a brace is open"),
        ("a{klass}", r"there is no field {klass}, only {class}, {subject}, {take}, {any}"),
        ("s{subject}", r"it needs {class} once"),
        ("{class}_{class}", r"it needs {class} once"),
        ("{class}{subject}", "two fields touch"),
        ("../{class}", "it leads out of the folder"),
        ("/{class}", "it leads out of the folder"),
        ("b{class}", "fits none of 1 recordings, first 'a1'"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_one_line_with_an_example(pattern, fault):
    with pytest.raises(ParamsError) as caught:
        naming.by_pattern(pattern, ["a1"])
    assert fault in str(caught.value)
    assert naming.EXAMPLE in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("paths", "title", "told"),
    [
        (
            ["Skeleton/S001C001P003R001A007", "Skeleton/S001C001P004R001A120"],
            "NTU's names, SsssCcccPpppRrrrAaaa",
            [Named("007", "3"), Named("120", "4")],
        ),
        (
            ["nturgb+d_rgb/S001C001P003R001A007_rgb", "nturgb+d_rgb/S001C001P003R001A008_rgb"],
            "NTU's names, SsssCcccPpppRrrrAaaa",
            [Named("007", "3"), Named("008", "3")],
        ),
        (["a1_s2_t1_depth", "a10_s11_t1_depth"], "UTD's names, aA_sS_tT", [Named("1", "2"), Named("10", "11")]),
        (["wave/1", "sit down/2"], "folder per class", [Named("wave"), Named("sit down")]),
        (["wave/S03/1", "sit/S04/1"], "folder per class", [Named("wave", "3"), Named("sit", "4")]),
        (["subject2/wave/x", "subject3/sit/x"], "folder per class", [Named("wave", "2"), Named("sit", "3")]),
        (
            ["train/wave/x_p1", "val/sit/x_p2"],
            "folder per class",
            [Named("wave", "1", "train"), Named("sit", "2", "test")],
        ),
        (
            ["wave/a3_s1_t1_skeleton", "sit/a4_s2_t1_skeleton"],
            "folder per class",
            [Named("wave", "1"), Named("sit", "2")],
        ),
        # folders that are no classes, as names tell others inside them
        (
            ["day1/a1_s1_t1", "day1/a2_s1_t1", "day2/a1_s1_t2"],
            "UTD's names, aA_sS_tT",
            [Named("1", "1"), Named("2", "1"), Named("1", "1")],
        ),
        (["wave_anna_1", "sit_down_bob_2"], "class_subject_take", [Named("wave", "anna"), Named("sit_down", "bob")]),
        (["wave_s1_t1", "sit_s10_t2"], "class_subject_take", [Named("wave", "1"), Named("sit", "10")]),
        (["wave01", "sit-2"], "class and number", [Named("wave"), Named("sit")]),
    ],
)
def test_known_ways_of_naming_are_detected(paths, title, told):
    assert named(paths) == (title, told)


@pytest.mark.parametrize("paths", [["x", "y"], ["clips/1", "clips/2"], ["wave/1", "wave/2"], ["123", "456"]])
def test_where_nothing_tells_two_classes_none_are_made_up(paths):
    assert naming.detected(paths) is None


def test_a_few_strays_do_not_hide_how_the_others_are_named():
    paths = [f"a{label}_s1_t1" for label in range(1, 20)]
    assert naming.detected([*paths, "calibration"]).title == "UTD's names, aA_sS_tT"
    assert naming.detected([*paths[:3], "left", "right", "top", "down"]) is None


@pytest.mark.parametrize(
    ("path", "sense"),
    [
        ("Depth/a1", "depth"),
        ("a_rgb", "video"),
        ("IR/x", "thermal"),
        ("depth/x_skeleton", "skeleton"),
        ("irma/x", None),
    ],
)
def test_the_sense_nearest_to_the_end_counts(path, sense):
    assert naming.sense_word(path) == sense


@pytest.mark.parametrize(
    ("label", "number"), [("a3", 3), ("A060", 60), ("class_12", 12), ("7", 7), ("wave", None), ("b2", None)]
)
def test_a_label_that_is_a_number_is_known(label, number):
    assert naming.number(label) == number
