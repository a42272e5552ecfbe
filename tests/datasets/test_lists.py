"""The lists that ship are facts of others: checked against the papers' own words, not against themselves."""

import json

import pytest

from pipeline.datasets import shared
from pipeline.formats.class_names import read_names, spelling
from pipeline.labels import overlap

# The unseen classes by name, as the tables of SynSE and SMIE give them.
NAMED = {
    ("ntu60", "synse_5"): "reading; writing; put on a hat/cap; jump up; touch other person's pocket",
    ("ntu60", "synse_12"): "brushing hair; pickup; clapping; tear up paper; wear a shoe; sneeze/cough; falling; "
    "nausea or vomiting condition; pushing other person; touch other person's pocket; walking towards each other; "
    "walking apart from each other",
    ("ntu60", "smie_1"): "drop; put on a hat/cap; taking a selfie; nausea or vomiting condition; pushing other person",
    ("ntu60", "smie_2"): "tear up paper; typing on a keyboard; check time (from watch); touch chest "
    "(stomachache/heart pain); walking apart from each other",
    ("ntu60", "smie_3"): "sitting down; take off a hat/cap; playing with phone/tablet; cross hands in front "
    "(say stop); walking towards each other",
    ("ntu120", "synse_10"): "drop; wear jacket; salute; touch head (headache); punching/slapping other person; "
    "juggling table tennis balls; put something into a bag; cross arms; butt kicks (kick backward); "
    "wield knife towards other person",
    ("ntu120", "synse_24"): "pickup; clapping; writing; take off a shoe; take off glasses; take off a hat/cap; hand "
    "waving; typing on a keyboard; shake head; cross hands in front (say stop); touch back (backache); "
    "punching/slapping other person; walking apart from each other; thumb up; make ok sign; fold paper; apply cream "
    "on face; take off bag; throw up cap/hat; hands up (both hands); blow nose; carry something with other person; "
    "take a photo of other person; finger-guessing game (playing rock-paper-scissors)",
    ("ntu120", "smie_4"): "brushing hair; take off glasses; jump up; put the palms together; staggering; put on "
    "headphone; take off bag; butt kicks (kick backward); yawn; step on foot",
    ("ntu120", "smie_5"): "pickup; tear up paper; take off jacket; wear a shoe; wear on glasses; falling; flick hair; "
    "ball up paper; cross toe touch; finger-guessing game (playing rock-paper-scissors)",
    ("ntu120", "smie_6"): "throw; take off a hat/cap; make a phone call/answer phone; rub two hands together; "
    "falling; giving something to other person; make victory sign; arm swings; blow nose; support somebody with hand",
    ("pku_mmd", "smie_7"): "brushing hair; eat meal/snack; pat on back of other person; take off a hat/cap; writing",
    ("pku_mmd", "smie_8"): "check time (from watch); hopping (one foot jumping); reading; salute; wipe face",
    ("pku_mmd", "smie_9"): "brushing teeth; hugging other person; tear up paper; touch back (backache); "
    "touch head (headache)",
    ("pku_mmd", "star_12"): "check time (from watch); drink water; giving something to other person; hugging other "
    "person; make a phone call/answer phone; pickup; punching/slapping other person; salute; standing up; take off "
    "jacket; touch head (headache); wear on glasses",
    ("pku_mmd", "star_random_3"): "cheer up; hand waving; jump up; playing with phone/tablet; take off jacket",
}
# A split of PURLS says its counts in its name, one of the others those of its unseen classes.
COUNTS = {
    "ntu60": {"smie_1": 5, "smie_2": 5, "smie_3": 5, "synse_5": 5, "synse_12": 12},
    "ntu120": {"smie_4": 10, "smie_5": 10, "smie_6": 10, "synse_10": 10, "synse_24": 24},
    "pku_mmd": {"smie_7": 5, "smie_8": 5, "smie_9": 5, "star_12": 12, "star_random_3": 5},
    "kinetics400": {},
    "kinetics_skeleton": {},
    "utd_mhad": {},
}
PURLS = {
    "ntu60": ["purls_55_5", "purls_48_12", "purls_40_20", "purls_30_30"],
    "ntu120": ["purls_110_10", "purls_96_24", "purls_80_40", "purls_60_60"],
    "pku_mmd": [],
    "kinetics400": ["purls_360_40", "purls_320_80", "purls_300_100", "purls_280_120"],
    "kinetics_skeleton": ["purls_360_40", "purls_320_80", "purls_300_100", "purls_280_120"],
    "utd_mhad": ["purls_22_5", "purls_18_9", "purls_14_13"],
}


def names(dataset):
    return [known.name for known in shared.classes(dataset)]


@pytest.mark.parametrize(("dataset", "split"), NAMED)
def test_a_published_split_has_the_classes_of_its_paper(dataset, split):
    unseen = [names(dataset)[class_id] for class_id in shared.published_splits(dataset)[split]]
    assert unseen == NAMED[dataset, split].split("; ")


@pytest.mark.parametrize("dataset", COUNTS)
def test_the_published_splits_are_all_there_with_their_counts(dataset):
    found = {name: len(unseen) for name, unseen in shared.published_splits(dataset).items()}
    purls = {name: int(name.split("_")[2]) for name in PURLS[dataset]}
    assert found == COUNTS[dataset] | purls
    assert all(sum(map(int, name.split("_")[1:])) == len(names(dataset)) for name in purls)


@pytest.mark.parametrize(("dataset", "count"), [("ntu60", 60), ("ntu120", 120), ("utd_mhad", 27), ("pku_mmd", 51)])
def test_a_class_list_is_complete(dataset, count):
    assert len(names(dataset)) == count


@pytest.mark.parametrize("dataset", ["ucf101", "hmdb51"])
def test_the_class_lists_of_videos_are_the_published_lists_in_words(dataset):
    published = read_names(overlap.published_lists()[dataset])
    assert [spelling(name) for name in names(dataset)] == [spelling(name) for name in published]


@pytest.mark.parametrize(
    ("dataset", "published"),
    [
        ("kinetics400", "kinetics400"),
        ("kinetics_skeleton", "kinetics400"),
        ("kinetics700", "kinetics700"),
        ("activitynet", "activitynet200"),
    ],
)
def test_other_class_lists_of_videos_are_the_published_ones(real_data, dataset, published):
    assert names(dataset) == (real_data / f"labels/{published}.txt").read_text().splitlines()


def test_every_published_split_is_one_of_those_handed_on(real_data):
    handed_on = json.loads((real_data / "splits" / "zero_shot_splits.json").read_text())
    keys = {name: name for name in ("ntu60", "ntu120", "kinetics400")}
    keys |= {"pku_mmd": "pku51", "utd_mhad": "utd-mhad", "kinetics_skeleton": "kinetics400"}
    for dataset, key in keys.items():
        found = {name: entry["unseen"] for name, entry in handed_on[key].items()}
        assert shared.published_splits(dataset) == found


def test_the_test_groups_of_ucf101_are_those_of_the_official_lists():
    """testlist01 is groups 1 to 7 of every class, testlist02 8 to 14, testlist03 15 to 21."""
    subjects = shared.load("ucf101").subjects
    test = [sorted(set(range(1, 26)) - subjects[f"groups{number}"].train) for number in (1, 2, 3)]
    assert test == [list(range(1, 8)), list(range(8, 15)), list(range(15, 22))]


def test_the_classes_of_ntu60_are_the_first_of_ntu120():
    assert names("ntu120")[:60] == names("ntu60")
    assert (names("ntu60")[0], names("ntu60")[59]) == ("drink water", "walking apart from each other")
    assert names("ntu120")[119] == "finger-guessing game (playing rock-paper-scissors)"


@pytest.mark.parametrize("recorded", ["ntu60", "ntu120"])
def test_published_vectors_have_the_classes_and_the_splits_of_their_recordings(recorded):
    vectors = f"synse_{recorded}"
    assert names(vectors) == names(recorded)
    known = shared.published_splits(recorded)
    assert shared.published_splits(vectors) == {split: known[split] for split in known if split.startswith("synse")}
    assert set(shared.load(vectors).vectors) == set(shared.published_splits(vectors))


def test_the_classes_of_utd_mhad_are_in_the_order_of_their_numbers():
    assert [names("utd_mhad")[number - 1] for number in (1, 8, 21, 27)] == [
        "swipe left",
        "draw X",
        "pickup and throw",
        "squat",
    ]


def test_the_purls_splits_of_utd_mhad_are_the_published_ids():
    assert shared.published_splits("utd_mhad") == {
        "purls_22_5": [4, 14, 17, 23, 24],
        "purls_18_9": [0, 1, 3, 6, 7, 11, 13, 16, 18],
        "purls_14_13": [0, 1, 6, 8, 9, 10, 12, 13, 19, 20, 21, 23, 24],
    }


def test_every_action_of_utd_mhad_has_a_sentence_of_its_own():
    contexts = [known.context for known in shared.classes("utd_mhad")]
    assert len(set(contexts)) == 27
    assert all(context.startswith("A person") and context.endswith(".") for context in contexts)


@pytest.mark.parametrize(
    ("dataset", "protocol", "num_train", "some_train", "some_test"),
    [
        ("ntu60", "xsub", 20, {1, 2, 13, 19, 38}, {3, 12, 20, 40}),
        ("ntu60", "xview", 2, {2, 3}, {1}),
        ("ntu120", "xsub", 53, {1, 38, 45, 50, 52, 59, 80, 86, 95, 103}, {48, 51, 60, 87, 96, 99, 106}),
        ("ntu120", "xset", 16, {2, 32}, {1, 31}),
        ("utd_mhad", "xsub", 4, {1, 3, 5, 7}, {2, 4, 6, 8}),
    ],
)
def test_the_training_subjects_are_the_published_ones(dataset, protocol, num_train, some_train, some_test):
    train = shared.load(dataset).subjects[protocol].train
    assert len(train) == num_train
    assert some_train <= train
    assert not some_test & train


@pytest.mark.parametrize(
    ("path", "known_to"),
    [
        ("S001C002P003R002A013.skeleton", ["ntu60", "ntu120"]),
        ("nturgb+d_skeletons/S017C003P020R002A060.skeleton", ["ntu60", "ntu120"]),
        ("S018C001P008R001A061.skeleton", ["ntu120"]),
        ("S001C002P003R002A013_rgb.avi", ["ntu60", "ntu120"]),
        ("nturgb+d_depth/S001C002P003R002A013/Depth-00000001.png", ["ntu60", "ntu120"]),
        ("S018C001P008R001A061_ir.avi", ["ntu120"]),
        ("S001C002P003R002A013_audio.wav", []),
        ("S000C002P003R002A013.skeleton", ["ntu120"]),
    ],
)
def test_ntu60_takes_its_setups_out_of_a_folder_that_holds_all(path, known_to):
    found = [name for name in ("ntu60", "ntu120") if shared.named_file(shared.load(name), path)]
    assert found == known_to


def test_the_lists_of_missing_skeletons_are_those_of_the_owners():
    assert [shared.load(name).missing_skeletons.num_recordings for name in ("ntu60", "ntu120")] == [302, 535]
    assert shared.load("utd_mhad").missing_skeletons is None
