from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.core import roles
from pipeline.core.errors import DataError
from pipeline.core.roles import Classes, Clip, ValClasses
from pipeline.core.schemas import ROLES, ClipRow
from pipeline.core.seeds import generator

FIFTH = ValClasses(share=0.2, min=3)


def clips_of(num_classes, num_subjects, num_replications, num_cameras=1):
    """Every class by every subject, odd ones training, seen by every camera."""
    return [
        Clip(f"x/{c:03}-{s}-{r}-{k}", c, s % 2 == 1, f"{c} {s} {r}")
        for c in range(num_classes)
        for s in range(1, num_subjects + 1)
        for r in range(num_replications)
        for k in range(num_cameras)
    ]


@st.composite
def worlds(draw):
    num_classes = draw(st.integers(7, 30))
    num_unseen = draw(st.integers(1, num_classes - 6))
    seed = draw(st.integers(0, 2**32))
    clips = clips_of(num_classes, draw(st.integers(2, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3)))
    kept = draw(st.floats(0.6, 1.0))  # some recordings are missing
    mask = np.random.default_rng(seed).random(len(clips)) < kept
    unseen = roles.draw_unseen(num_classes, num_unseen, generator(seed, "unseen"))
    classes = roles.split_seen_classes(num_classes, unseen, FIFTH, generator(seed, "val"))
    return num_classes, seed, classes, [clip for clip, keep in zip(clips, mask, strict=True) if keep]


def assigned(clips, classes, seed):
    """Roles and held-out clips, or None where the draw left a role empty."""
    try:
        found = roles.assign(clips, classes)
        return found, roles.held_out(clips, found, generator(seed, "held_out"))
    except DataError:
        return None


def clip_row(**columns):
    known = {"clip_id": "x/1", "class_id": 3, "subject": 1, "camera": 1, "setup": 1, "replication": 1}
    rest = {
        "train_lists": None,
        "test_lists": None,
        "num_frames": 1,
        "num_bytes": 1,
        "content_hash": "",
        "reason": None,
    }
    return ClipRow(**{"modality": "skeleton", "path": "x", **rest, **known, **columns})


@pytest.mark.parametrize(
    ("columns", "is_same"),
    [
        ({"clip_id": "x/2", "camera": 2}, True),  # the same event, seen by another camera
        ({"class_id": 4}, False),
        ({"subject": 2}, False),
        ({"setup": 2}, False),
        ({"replication": 2}, False),
    ],
)
def test_clips_show_one_performance_if_all_but_their_cameras_agree(columns, is_same):
    assert (roles.performance(clip_row(**columns)) == roles.performance(clip_row())) == is_same


def test_a_clip_of_nobody_known_is_a_performance_of_its_own_and_a_subjects_clips_without_number_are_one():
    nobody = {"subject": None, "replication": None}
    assert roles.performance(clip_row(**nobody)) == "x/1"
    for known in ({"subject": None}, {"replication": None}):
        first, second = (roles.performance(clip_row(clip_id=name, **known)) for name in ("x/1", "x/2"))
        assert first == second != "x/1"


def test_of_a_target_all_clips_of_unseen_classes_are_tested_and_no_others_used():
    clips, classes = clips_of(3, 2, 1), Classes(fit=(), val=(), unseen=(0, 2))
    found = roles.assign_target(clips, classes)
    assert found == {clip.clip_id: "unused" if clip.class_id == 1 else "unseen_test" for clip in clips}
    with pytest.raises(DataError, match=r"no clip shows the unseen classes \[5\]; a target is tested on all"):
        roles.assign_target(clips, Classes(fit=(), val=(), unseen=(0, 5)))


def test_clips_have_one_name_in_any_order():
    assert roles.clips_digest(["x/1", "x/2"]) == roles.clips_digest(iter(["x/2", "x/1"]))
    names = {roles.clips_digest(ids) for ids in (["x/1"], ["x/1", "x/2"], ["x/2"], ["x/1,x/2"])}
    assert len(names) == 4


@pytest.mark.parametrize(
    ("digests", "joint"),
    [([], None), ([None, None], None), ([None, "a", "a"], "a"), (["a", "b"], "unknown"), (["unknown", "a"], "unknown")],
)
def test_of_several_weights_the_clips_are_known_where_they_are_the_same(digests, joint):
    assert roles.joint_clips(digests) == joint


@given(world=worlds())
def test_classes_are_divided_without_rest_or_overlap(world):
    num_classes, _, classes, _ = world
    assert sorted([*classes.fit, *classes.val, *classes.unseen]) == list(range(num_classes))
    num_seen = num_classes - len(classes.unseen)
    assert len(classes.val) == max(3, int(np.ceil(np.float64(num_seen) * 20 / 100)))
    assert len(classes.fit) >= 3


@settings(max_examples=60, deadline=None)
@given(world=worlds())
def test_every_clip_has_one_role_and_no_role_sees_what_it_must_not(world):
    _, seed, classes, clips = world
    both = assigned(clips, classes, seed)
    assume(both is not None)
    found, out = both
    assert set(found) == {clip.clip_id for clip in clips}
    assert set(found.values()) <= set(ROLES)
    for clip in clips:
        role = found[clip.clip_id]
        assert (role in ("fit", "val")) == (clip.is_train and clip.class_id not in classes.unseen)
        assert (role == "fit") == (clip.is_train and clip.class_id in classes.fit)
        assert (role == "unseen_test") == (not clip.is_train and clip.class_id in classes.unseen)
        assert (role == "seen_test") == (not clip.is_train and clip.class_id not in classes.unseen)
    assert {found[clip_id] for clip_id in out} == {"fit"}


@settings(max_examples=60, deadline=None)
@given(world=worlds())
def test_a_tenth_of_the_fit_performances_is_held_out_in_every_class_alike(world):
    _, seed, classes, clips = world
    both = assigned(clips, classes, seed)
    assume(both is not None)
    found, out = both
    fit = [clip for clip in clips if found[clip.clip_id] == "fit"]
    performances = Counter(dict.fromkeys((clip.class_id, clip.performance) for clip in fit).keys())
    held = {(clip.class_id, clip.performance) for clip in fit if clip.clip_id in out}
    assert len(held) == max(1, round(len(performances) / 10))
    of_class = Counter(class_id for class_id, _ in performances)
    held_of_class = Counter(class_id for class_id, _ in held)
    for class_id, size in of_class.items():
        assert size // 10 <= held_of_class[class_id] <= size // 10 + 1
    # No performance is torn: its other views would tell of it.
    assert not held & {(clip.class_id, clip.performance) for clip in fit if clip.clip_id not in out}
    # A class keeps a clip to train on, as long as some class has two.
    if any(size > 1 for size in of_class.values()) and len(held) <= sum(size > 1 for size in of_class.values()):
        assert all(held_of_class[class_id] < size for class_id, size in of_class.items())


@settings(max_examples=30, deadline=None)
@given(world=worlds())
def test_roles_do_not_depend_on_the_order_of_clips(world):
    _, seed, classes, clips = world
    assert assigned(clips, classes, seed) == assigned(clips[::-1], classes, seed)


def test_a_known_draw_stays_what_it_was():
    """Reported figures rest on these: a change here is a change of every random split."""
    unseen = roles.draw_unseen(27, 5, generator(0, "unseen", "utd_mhad", 5))
    assert unseen == [0, 1, 5, 9, 13]
    assert roles.split_seen_classes(27, unseen, FIFTH, generator(0, "val", "utd_mhad", "s0")).val == (7, 8, 12, 14, 15)


def test_ten_seeds_give_ten_splits():
    drawn = {tuple(roles.draw_unseen(27, 5, generator(seed, "unseen"))) for seed in range(10)}
    assert len(drawn) == 10


def test_an_even_world_gives_an_exact_tenth():
    clips = clips_of(12, 4, 5, 3)
    classes = Classes(fit=(0, 1, 2, 3, 4, 5), val=(6, 7, 8), unseen=(9, 10, 11))
    found = roles.assign(clips, classes)
    assert Counter(found.values()) == {"fit": 180, "val": 90, "seen_test": 270, "unseen_test": 90, "unused": 90}
    out = roles.held_out(clips, found, generator(0, "held_out"))
    assert Counter(int(clip_id[2:5]) for clip_id in out) == dict.fromkeys(range(6), 3)


@pytest.mark.parametrize("unseen", [[-1], [10], [0, 10]])
def test_unseen_ids_that_are_no_classes_are_refused(unseen):
    with pytest.raises(DataError, match=rf"unseen classes \[{unseen[-1]}\] are out of range: the classes are 0 to 9"):
        roles.split_seen_classes(10, unseen, FIFTH, generator(0, "val"))


def test_an_unseen_id_that_comes_twice_is_refused():
    with pytest.raises(DataError, match="listed twice"):
        roles.split_seen_classes(10, [3, 3], FIFTH, generator(0, "val"))


def test_too_few_seen_classes_are_refused():
    assert len(roles.split_seen_classes(10, [0, 1, 2, 3], FIFTH, generator(0, "val")).fit) == 3
    with pytest.raises(DataError, match="5 seen of 10 classes, 3 of them for validation, leave fewer than 3"):
        roles.split_seen_classes(10, [0, 1, 2, 3, 4], FIFTH, generator(0, "val"))


@pytest.mark.parametrize(
    ("share", "least", "num_seen", "number"),
    [
        (0.2, 3, 7, 3),
        (0.2, 2, 7, 2),
        (0.2, 3, 15, 3),
        (0.2, 3, 16, 4),
        (0.2, 3, 22, 5),
        (0.5, 2, 7, 4),
        (0.3, 2, 10, 3),
    ],
)
def test_val_classes_are_a_share_rounded_up_and_at_least_so_many(share, least, num_seen, number):
    assert ValClasses(share=share, min=least).number(num_seen) == number


def test_with_few_classes_fewer_val_classes_leave_more_to_fit():
    unseen, rng = [0, 1], generator(0, "val")
    assert len(roles.split_seen_classes(9, unseen, FIFTH, rng).fit) == 4
    assert len(roles.split_seen_classes(9, unseen, ValClasses(share=0.2, min=2), rng).fit) == 5
    with pytest.raises(DataError, match=r"fewer unseen classes, or lower val_classes \(share 0.9, min 2\)"):
        roles.split_seen_classes(9, unseen, ValClasses(share=0.9, min=2), rng)


@pytest.mark.parametrize(
    ("classes", "is_train", "role"),
    [
        ((0, 1, 2), True, "fit"),
        ((3, 4, 5), True, "val"),
        ((0, 1, 2, 3, 4, 5), False, "seen_test"),
        ((6,), False, "unseen"),
    ],
)
def test_a_split_with_an_empty_role_is_refused_by_name(classes, is_train, role):
    clips = [c for c in clips_of(7, 2, 1) if c.class_id not in classes or c.is_train != is_train]
    with pytest.raises(DataError, match=f"no clip gets the role {role}"):
        roles.assign(clips, Classes(fit=(0, 1, 2), val=(3, 4, 5), unseen=(6,)))


def test_an_unseen_class_without_a_test_clip_is_refused_by_name():
    """It would be chosen among and never be right."""
    clips = [Clip(f"x/{c}-{n}", c, n == 0, f"{c} {n}") for c in range(9) for n in range(2) if (c, n) != (8, 1)]
    with pytest.raises(DataError, match=r"no test clip shows the unseen classes \[8\].*name other unseen classes"):
        roles.assign(clips, Classes(fit=(0, 1, 2), val=(3, 4, 5), unseen=(6, 7, 8)))
    assert roles.assign(clips, Classes(fit=(0, 1, 2), val=(3, 4, 5), unseen=(6, 7)))["x/8-0"] == "unused"


def test_a_clip_that_is_on_neither_side_is_unused_whatever_its_class():
    clips = [*clips_of(7, 2, 1), *(Clip(f"x/other{c}", c, None, "") for c in (0, 3, 6))]
    found = roles.assign(clips, Classes(fit=(0, 1, 2), val=(3, 4, 5), unseen=(6,)))
    assert [found[f"x/other{c}"] for c in (0, 3, 6)] == ["unused"] * 3


def test_classes_of_no_group_are_unused():
    clips = [*clips_of(7, 2, 1), Clip("x/other", 8, True, "")]
    assert roles.assign(clips, Classes(fit=(0, 1, 2), val=(3, 4, 5), unseen=(6,)))["x/other"] == "unused"


def test_a_class_with_one_performance_gives_it_away_only_if_all_are_so():
    classes = Classes(fit=(0, 1, 2), val=(3, 4, 5), unseen=(6,))
    single = clips_of(7, 2, 1, 2)
    found = roles.assign(single, classes)
    assert len(roles.held_out(single, found, generator(0, "held_out"))) == 2
    more = [*single, Clip("x/more", 1, True, "another")]
    for seed in range(10):
        out = roles.held_out(more, roles.assign(more, classes), generator(seed, "held_out"))
        assert out <= {"x/more", "x/001-1-0-0", "x/001-1-0-1"}


def held_of_sizes(sizes, seed):
    """How many performances each class gives, of classes with so many each."""
    clips = [Clip(f"x/{c:03}-{n:03}", c, True, f"{c} {n}") for c, size in enumerate(sizes) for n in range(size)]
    out = roles.held_out(clips, {clip.clip_id: "fit" for clip in clips}, generator(seed, "held_out"))
    return [sum(clip_id.startswith(f"x/{c:03}-") for clip_id in out) for c in range(len(sizes))]


@pytest.mark.parametrize(
    ("sizes", "held"),
    [
        ([10, 14, 18], [1, 1, 2]),  # the tenths and 4.2, rounded: the largest remainder gets what is left
        ([19, 11, 10], [2, 1, 1]),
        ([21, 15], [2, 2]),  # 3.6, rounded: what is left goes to the larger remainder, not to the larger class
        ([2], [1]),
        ([1, 1, 1, 1, 1, 10], [0, 0, 0, 0, 0, 2]),  # whoever has one performance keeps it, whatever the remainders
    ],
)
def test_what_is_left_of_the_tenth_goes_to_the_largest_remainders(sizes, held):
    assert held_of_sizes(sizes, seed=0) == held


def test_no_performance_is_drawn_twice():
    assert {tuple(held_of_sizes([30, 40], seed)) for seed in range(10)} == {(3, 4)}


def test_equal_remainders_are_drawn():
    found = {tuple(held_of_sizes([4] * 10, seed)) for seed in range(8)}
    assert {sum(held) for held in found} == {4}
    assert len(found) == 8


def test_a_single_performance_cannot_be_divided():
    clips = [Clip("x/a", 0, True, "one"), Clip("x/b", 0, True, "one")]
    with pytest.raises(DataError, match="all fit clips show one performance"):
        roles.held_out(clips, {"x/a": "fit", "x/b": "fit"}, generator(0, "held_out"))
