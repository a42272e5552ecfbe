import pytest

from pipeline.formats.named_classes import ClassNames

GYM = ["lift left knee", "jump", "jump and clap hands", "ApplyEyeMakeup", "changing wheel (not on bike)"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("The left knee is lifted.", [0]),
        ("she jumps", [1]),
        ("Jumping, he claps his hands", [1, 2]),
        ("the hand of a man", []),
        ("an eye with makeup", []),
        ("apply makeup to the eye", [3]),
        ("they change the wheel of a car", [4]),
        ("", []),
    ],
)
def test_a_class_is_named_where_all_its_content_words_stand_in_any_order(text, named):
    assert sorted(ClassNames({"gym": GYM}).named(text)) == [("gym", class_id) for class_id in named]


def test_lists_are_told_apart_and_equal_names_named_in_both():
    names = ClassNames({"a": ["jump"], "b": ["sit", "jump"]})
    assert sorted(names.named("a jump")) == [("a", 0), ("b", 1)]
