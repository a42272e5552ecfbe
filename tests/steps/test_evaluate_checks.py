"""What evaluate records of its audit: every check, what it compared, and exceptions that are never called passed."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.evaluation.leakage import LEAKS
from tests.steps.scored import ORACLE, ROW, World
from tests.steps.test_evaluate import AFAR, ALL

NAMES = [
    *("training classes", "training clips", "choice of the setting", "inference", "classes of other datasets"),
    *("paired clips", "weights of the web", "who trains and who is tested", "same recordings", "test clips"),
    *("candidates", "classes of the split", "class names", "class texts", "roles"),
]
FIT = clips_digest(["tiny/c0s1r0", "tiny/c0s1r1"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def checks(world: World, row: Any = ROW, place: int = 0) -> dict[str, dict[str, Any]]:
    found = world.run(row)["rows"][place]["checks"]
    assert [check["name"] for check in found] == NAMES
    assert all(set(check) == {"name", "compared", "passed", "detail"} for check in found)
    return {check["name"]: check for check in found}


def outcome(found: dict[str, dict[str, Any]], passed: bool | None) -> set[str]:
    return {name for name, check in found.items() if check["passed"] is passed}


def test_every_check_says_what_it_compared(world: World) -> None:
    world.write_scores(training_clips=FIT)
    found = checks(world)
    assert outcome(found, False) == set()
    assert outcome(found, None) == {"classes of other datasets", "paired clips", "weights of the web"}
    compared = {name: check["compared"] for name, check in found.items()}
    assert compared["training classes"] == "2 classes that the weights were taught, with 2 unseen classes"
    assert compared["training clips"].endswith("with that of the split’s 2 fit clips")
    assert compared["choice of the setting"].startswith("1 val classes, on which 2 settings competed")
    assert compared["who trains and who is tested"] == "1 subject of scored clips with 1 of training clips"
    assert compared["same recordings"] == "the bytes of 4 scored clips with 4 training clips"
    assert compared["test clips"] == "4 scored clips with 4 of the role unseen_test"
    assert compared["candidates"] == "2 candidates with 2 unseen classes"
    assert compared["classes of the split"] == "1 fit, 1 val, 2 unseen classes with one another"
    assert compared["class names"].startswith("4 names")
    assert compared["class texts"] == "1 kind of text of 4 classes, each with each other"
    assert compared["roles"] == "the roles of 10 clips with their classes"


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"selection": "validation_seen"}, "choice of the setting", "taught or bound with these classes too"),
        ({"selection": "folds_seen"}, "choice of the setting", "taught or bound with these classes too"),
        ({"training_clips": UNKNOWN_CLIPS}, "training clips", "test subjects may be among them"),
        (ALL, "inference", "to be compared with no inductive figure"),
        (ALL, "paired clips", "Clips of 2 unseen classes took part"),
        ({"inference": "transductive", "scored_together": True}, "inference", "depend on the other test clips"),
        ({"pretrained": "ViT-B-32 laion"}, "weights of the web", "nobody knows which classes these saw"),
        ({**AFAR, "source_classes": ["clap"], "kept_overlap": ["clap"]}, "classes of other datasets", "clap"),
    ],
)
def test_a_declared_exception_is_shown_as_what_it_is(
    world: World, changes: dict[str, Any], name: str, told: str
) -> None:
    world.write_scores(**changes)
    check = checks(world)[name]
    assert check["passed"] is False
    assert told in check["detail"]


def test_an_oracle_is_an_exception_and_the_row_beside_it_is_not(world: World) -> None:
    assert checks(world, ORACLE, 0)["choice of the setting"]["passed"] is True
    oracle = checks(world, ORACLE, 1)["choice of the setting"]
    assert oracle["passed"] is False
    assert oracle["compared"] == "2 settings on 4 test clips"


def test_a_choice_on_val_classes_by_an_encoder_of_unknown_clips_is_not_called_compared(world: World) -> None:
    world.write_scores(training_clips=UNKNOWN_CLIPS)
    assert checks(world)["choice of the setting"]["passed"] is None


def test_test_subjects_that_train_and_clips_without_digest_are_no_plain_pass(world: World) -> None:
    world.write_split({"fit": [0], "val": [1], "unseen": [2, 3]}, protocol="xview")
    world.write_clips({"tiny/c2s2r0": {"subject": 1, "camera": 2, "content_hash": ""}})
    found = checks(world)
    assert found["same recordings"]["passed"] is False
    assert found["same recordings"]["detail"].startswith("1 scored and 0 training clips have no digest")
    assert found["who trains and who is tested"]["passed"] is not True


def test_every_word_of_leaks_has_a_check_that_is_no_pass(world: World) -> None:
    world.write_scores(
        **{**ALL, "paired_classes": [2]},
        training_clips=UNKNOWN_CLIPS,
        source="other",
        source_classes=["clap"],
        kept_overlap=["clap"],
    )
    rows = world.run(ORACLE)["rows"]
    assert set(rows[1]["leaks"]) == set(LEAKS)
    excepted = {check["name"] for check in rows[1]["checks"] if check["passed"] is False}
    assert excepted == {NAMES[1], NAMES[2], NAMES[3], NAMES[4], NAMES[5]}
