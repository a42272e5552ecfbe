"""A folder that nobody has described becomes lists and a profile, and what is wrong with it is one line."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import plan, profile
from pipeline.commands.collection import lists, naming
from pipeline.core import params, stamp
from pipeline.core.errors import DataError, ParamsError
from pipeline.formats import depth_png, ntu_skeleton, video
from pipeline.formats.shared import Skeleton
from pipeline.steps import split

ROOT = Path(__file__).parents[2]
ACTIONS = ("wave", "clap hands", "sit down", "stand up", "jump", "kick", "bow", "push", "pull")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    root = tmp_path / "checkout"
    (root / "data/raw").mkdir(parents=True)
    for name in ("pipeline", "dvc.yaml", "requirements.txt"):
        (root / name).symlink_to(ROOT / name)
    monkeypatch.chdir(root)
    return root


def skeleton(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    xyz_MTV3 = np.random.default_rng(seed).normal(size=(1, 3, 25, 3)).astype(np.float32)
    ntu_skeleton.write(path, Skeleton("ntu25", xyz_MTV3, (1,)), xyz_MTV3[..., :2], xyz_MTV3[..., :2])


@pytest.fixture
def folder(tmp_path):
    """Nine classes as folders, three subjects each, and two files that are no recordings."""
    source = tmp_path / "unknown"
    for label, name in enumerate(ACTIONS):
        for subject in (1, 2, 10):
            skeleton(source / name.replace(" ", "_") / f"s{subject}_t1.skeleton", 10 * label + subject)
    (source / "notes.docx").touch()
    return source


def typed(*words, code=0):
    result = CliRunner().invoke(app, ["dataset", "new", *map(str, words)])
    if code == 0:
        assert result.exception is None, result.exception
    else:
        assert result.exception is not None
    return result


def listed(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_lists_link_stamp_and_profile_are_written(checkout, folder):
    told = typed("moves", folder).output
    rows = listed(folder / "manifest.csv")
    assert len(rows) == 27
    assert next(row for row in rows if row["clip_id"] == "bow/s1_t1") == {
        "clip_id": "bow/s1_t1",
        "modality": "skeleton",
        "path": "bow/s1_t1.skeleton",
        "label": "bow",
        "subject": "1",
        "split": "train",
    }
    assert {row["subject"]: row["split"] for row in rows} == {"1": "train", "2": "test", "10": "train"}
    assert [row["name"] for row in listed(folder / "classes.csv")] == sorted(ACTIONS)
    place = checkout / "data/raw/moves"
    assert place.resolve() == folder.resolve()
    assert {file.path for file in stamp.read(place)} >= {"manifest.csv", "classes.csv", "bow/s1_t1.skeleton"}
    assert "skeleton        27      18       9        9         3" in told
    assert "1 x '.docx' is the ending of no format, as notes.docx" in told
    assert "folder per class; train and test: every other subject trains" in told
    assert "unseen profile use moves" in told


def test_the_profile_is_found_by_its_name_and_has_rows_of_every_stage_to_the_report(checkout, folder):
    typed("moves", folder)
    tree = profile.tree("moves", ROOT / "dvc.yaml")
    rows = {stage: set(tree[stage]["rows"]) for stage in tree if stage != "report"}
    assert {stage for stage, of_stage in rows.items() if of_stage} == {
        *("ingest", "split", "prompt", "embed", "preprocess", "pretrain", "extract", "align", "transfer", "evaluate")
    }
    assert "moves-skeleton-ours" in rows["evaluate"]
    chosen = params.parse(split.Row, tree["split"]["rows"]["moves-skeleton"], "x")
    assert (chosen.num_unseen, chosen.protocol, chosen.val_classes.min) == (2, "own", 2)
    assert tree["ingest"]["rows"]["moves"] == {"source": "data/raw/moves"}
    cells = {row["title"]: set(row["cells"]) for row in tree["report"]["tables"]["moves"]["rows"]}
    assert cells["skeleton, ridge"] == {"unseen", "all", "both"}
    assert cells["skeleton, composed prototypes"] == {"unseen", "all"}
    assert profile.summary("moves").startswith("moves: skeleton; ")


def test_the_plan_of_what_was_written_finds_no_problem(checkout, folder):
    (checkout / "stages").symlink_to(ROOT / "stages")
    (checkout / "docs").symlink_to(ROOT / "docs")
    typed("moves", folder)
    told = plan.plan("moves", Path())
    assert told.problems == []
    assert told.num_clips == {"moves": {"skeleton": 27}}
    assert {"ingest@moves", "pretrain@moves-skeleton-stgcn"} <= set(told.cost.tried)


def test_what_is_there_is_kept(checkout, folder):
    typed("moves", folder)
    (folder / "classes.csv").write_text((folder / "classes.csv").read_text().replace("bow,", "bow,bends forward"))
    Path("moves.yaml").write_text("# mine\n")
    kept = {path: path.read_bytes() for path in (folder / "manifest.csv", folder / "classes.csv", Path("moves.yaml"))}
    told = typed("moves", folder).output
    assert {path: path.read_bytes() for path in kept} == kept
    assert told.count("there already, kept") == 3
    assert "as manifest.csv says" in told


def test_of_a_collection_with_lists_a_profile_alone_is_written(checkout, folder):
    typed("moves", folder)
    lines = (folder / "manifest.csv").read_text().splitlines()
    (folder / "manifest.csv").write_text("\n".join([line.replace(",1,train", ",anna,train") for line in lines]))
    Path("moves.yaml").unlink()
    typed("moves", folder)
    assert profile.tree("moves", ROOT / "dvc.yaml")["split"]["rows"]["moves-skeleton"]["num_unseen"] == 2


def test_sentences_of_the_class_list_are_read(checkout, folder):
    contexts = "".join(f"{place},{name},somebody does it {place} times\n" for place, name in enumerate(ACTIONS))
    (folder / "classes.csv").write_text(f"class_id,name,context\n{contexts}")
    typed("moves", folder)
    tree = profile.tree("moves", ROOT / "dvc.yaml")
    assert tree["prompt"]["rows"]["moves"]["sources"] == {"context": ["class_list"]}
    assert tree["align"]["methods"]["ridge"]["plain"]["text_type"] == "context"


def test_a_pattern_names_classes_by_numbers_of_a_list(checkout, tmp_path):
    source = tmp_path / "numbered"
    for label in range(1, 9):
        for subject in ("anna", "bob"):
            skeleton(source / f"a{label}-{subject}.skeleton", label * 10 + len(subject))
    names = tmp_path / "names.csv"
    names.write_text("class_id,name\n" + "".join(f"{place},{name}\n" for place, name in enumerate(ACTIONS)))
    refused = typed("moves", source, "--pattern", "a{class}-{subject}", code=1)
    assert isinstance(refused.exception, DataError)
    assert "its 8 classes are numbers, 1 to 8" in str(refused.exception)
    assert "--classes FILE" in str(refused.exception)
    assert not (source / "manifest.csv").exists()
    typed("moves", source, "--pattern", "a{class}-{subject}", "--classes", names)
    rows = listed(source / "manifest.csv")
    assert [(row["label"], row["subject"], row["split"]) for row in rows[:2]] == [
        ("wave", "anna", "train"),
        ("wave", "bob", "test"),
    ]
    assert [row["name"] for row in listed(source / "classes.csv")] == list(ACTIONS[:8])


def test_a_list_that_ships_names_classes_as_well(checkout, tmp_path):
    for label in range(1, 9):
        for subject in (1, 2):
            skeleton(tmp_path / f"numbered/a{label}_s{subject}_t1_skeleton.skeleton", label * 10 + subject)
    typed("moves", tmp_path / "numbered", "--classes", "utd_mhad")
    found = listed(tmp_path / "numbered/classes.csv")
    assert found[0]["name"] == "swipe left"
    assert found[0]["context"]


def test_every_sense_that_covers_the_classes_has_rows(checkout, folder, tmp_path):
    for label, name in enumerate(ACTIONS):
        for subject in (1, 2):
            frames = np.random.default_rng([label, subject]).integers(500, 4000, (3, 6, 8), dtype=np.uint16)
            depth_png.write(folder / name.replace(" ", "_") / f"s{subject}_t1_depth", frames)
            for word in ("rgb", "ir") if label else ("rgb",):
                rgb = np.random.default_rng([label, subject]).integers(0, 255, (4, 16, 24, 3), dtype=np.uint8)
                path = folder / name.replace(" ", "_") / f"s{subject}_t1_{word}.mp4"
                video.write(path, rgb, frames_per_second=10, codec="libx264")
    told = typed("moves", folder).output
    assert "thermal: left out of the profile: 1 classes lack clips in it, first 'wave'" in told
    tree = profile.tree("moves", ROOT / "dvc.yaml")
    assert set(tree["split"]["rows"]) == {"moves-skeleton", "moves-depth", "moves-video"}
    assert set(tree["pretrain"]["rows"]) == {"moves-skeleton-stgcn", "moves-depth-r2plus1d", "moves-video-framecnn"}
    ids = {row["clip_id"] for row in listed(folder / "manifest.csv")}
    assert len(ids) == 27  # of all senses


def test_unknown_subjects_part_clips_by_a_hash_and_that_is_said(checkout, tmp_path):
    for name in ACTIONS:
        for take in range(5):
            skeleton(tmp_path / f"takes/{name}/{take}.skeleton", 10 * ACTIONS.index(name) + take)
    skeleton(tmp_path / "takes/rest/0.skeleton")
    told = typed("moves", tmp_path / "takes").output
    assert "whoever trains may also test" in told
    assert "1 x the only clip of its class in its sense: one cannot both train and test, as rest/0.skeleton" in told
    sides = [(row["label"], row["split"]) for row in listed(tmp_path / "takes/manifest.csv")]
    assert {sides.count((name, "train")) for name in ACTIONS} == {3}
    assert {sides.count((name, "test")) for name in ACTIONS} == {2}
    assert "rest" not in (tmp_path / "takes/classes.csv").read_text()


def test_folders_that_say_who_trains_decide(checkout, tmp_path):
    for name in ACTIONS:
        for side, subject in (("train", 2), ("test", 1)):
            skeleton(tmp_path / f"sides/{side}/{name}/s{subject}.skeleton", subject)
    typed("moves", tmp_path / "sides")
    assert {row["subject"]: row["split"] for row in listed(tmp_path / "sides/manifest.csv")} == {
        "2": "train",
        "1": "test",
    }


def test_damaged_files_of_a_kind_are_told_from_good_ones(checkout, folder):
    for number in range(4):
        (folder / f"wave/s{number}_t9.skeleton").write_text("none")
    told = typed("moves", folder).output
    assert "skeleton        27" in told
    assert "4 x as skeleton: " in told


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("Moves!", "FOLDER"), ParamsError, "'Moves!' cannot name a dataset; expected small letters"),
        (("my-moves", "FOLDER"), ParamsError, "'my-moves' cannot name a dataset"),
        (("ntu60", "FOLDER"), ParamsError, "'ntu60' is the name of a dataset or profile that ships"),
        (("fixtures", "FOLDER"), ParamsError, "'fixtures' is the name of a dataset or profile that ships"),
        (("params", "FOLDER"), ParamsError, "'params' is the name of"),
        (("moves", "gone"), DataError, "gone: no such folder; name the one that holds the recordings"),
        (("moves", ".."), DataError, "holds this checkout itself"),
        (("moves", "FOLDER", "--pattern", "a{class"), ParamsError, "a brace is open"),
        (("moves", "FOLDER", "--classes", "nothing"), ParamsError, "neither a file nor a dataset whose list ships"),
        (("moves", "FOLDER", "--classes", "utd_mhad"), DataError, "class 'bow' is none of the 27 of the class list"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(checkout, folder, words, error, message):
    before = sorted(folder.rglob("*"))
    result = typed(*(str(folder) if word == "FOLDER" else word for word in words), code=1)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert sorted(folder.rglob("*")) == before
    assert not list(checkout.glob("data/raw/*"))
    assert not Path("moves.yaml").exists()


def test_where_nothing_tells_the_classes_the_ways_that_were_tried_are_told(checkout, tmp_path):
    for number in range(8):
        skeleton(tmp_path / f"flat/{number}.skeleton", number)
    refused = typed("moves", tmp_path / "flat", code=1)
    assert "nothing tells the classes of 8 recordings, first '0.skeleton'; tried: folder per class; " in str(
        refused.exception
    )
    assert "--pattern 'a{class}_s{subject}_t{take}_skeleton'" in str(refused.exception)


def test_too_few_classes_are_refused(checkout, tmp_path):
    for name in ACTIONS[:6]:
        for subject in (1, 2):
            skeleton(tmp_path / f"few/{name}/s{subject}.skeleton", subject)
    refused = typed("moves", tmp_path / "few", code=1)
    assert "6 classes with clips (folder per class), and 7 are the fewest" in str(refused.exception)


def test_an_empty_folder_is_called_so(checkout, tmp_path):
    (tmp_path / "none").mkdir()
    assert "none: no file that could be a recording; name" in str(typed("moves", tmp_path / "none", code=1).exception)


def test_a_folder_without_recordings_says_why_its_files_are_none(checkout, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/a.pdf").touch()
    refused = typed("moves", tmp_path / "papers", code=1)
    assert "none of 1 files is a recording: a.pdf: '.pdf' is the ending of no format" in str(refused.exception)


def test_a_link_that_leads_out_is_refused(checkout, folder, tmp_path):
    (tmp_path / "secret.skeleton").touch()
    (folder / "wave/s9_t1.skeleton").symlink_to(tmp_path / "secret.skeleton")
    refused = typed("moves", folder, code=1)
    assert "leads out of" in str(refused.exception)


def test_a_folder_that_cannot_be_written_is_refused_with_the_way_out(checkout, folder, monkeypatch):
    monkeypatch.setattr(
        os, "access", lambda path, mode: mode != os.W_OK or Path(path) != folder
    )  # root may write anywhere
    refused = typed("moves", folder, code=1)
    assert "cannot be written, and manifest.csv and classes.csv must lie beside the recordings; copy" in str(
        refused.exception
    )
    assert not list(checkout.glob("data/raw/*"))


def test_a_place_that_leads_elsewhere_is_kept(checkout, folder, tmp_path):
    (checkout / "data/raw/moves").symlink_to(tmp_path)
    refused = typed("moves", folder, code=1)
    assert "leads elsewhere already" in str(refused.exception)


def test_a_name_of_both_a_shipped_profile_and_a_file_is_refused(checkout):
    Path("demo.yaml").write_text("# mine\n")
    with pytest.raises(ParamsError, match=r"'demo' is a profile that ships and demo.yaml a file of yours; rename"):
        profile.file("demo")
    assert profile.file("demo.yaml") == Path("demo.yaml")


def standing(folder, layout):
    """Arrays of 20 joints, z upwards: everyone stands; head, shoulders, hips and feet are at their heights."""
    heights_V = np.array([1.7, 1.4, 1.2, 0.9, *[1.4] * 8, *[0.9, 0.5, 0.1, 0.0] * 2])
    for label, name in enumerate(ACTIONS):
        for subject in (1, 2):
            xyz_TV3 = np.random.default_rng([label, subject]).normal(scale=0.02, size=(6, 20, 3))
            xyz_TV3[..., 2] += heights_V
            file = folder / name / f"s{subject}.npy"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, xyz_TV3)
    (folder / "layout.yaml").write_text(f"joints: kinect20\nunit: m\naxes: T V C\n{layout}")


def test_arrays_that_say_what_points_upwards_are_upright(checkout, tmp_path):
    standing(tmp_path / "arrays", "up: z")
    told = typed("moves", tmp_path / "arrays")
    assert "up: y}" in Path("moves.yaml").read_text()
    assert "bodies stand" not in told.stderr
    assert {file.path for file in stamp.read(checkout / "data/raw/moves")} >= {"layout.yaml", "bow/s1.npy"}


def test_arrays_whose_layout_makes_people_lie_are_told(checkout, tmp_path):
    standing(tmp_path / "arrays", "")
    told = typed("moves", tmp_path / "arrays").stderr
    assert "up: auto}" in Path("moves.yaml").read_text()
    assert "with layout.yaml as it is, bodies stand along z, not y, as in bow/s1.npy: set `up` in it" in told


def test_two_files_of_one_clip_keep_apart_by_their_paths():
    known = naming.detected(["wave/1_rgb", "wave/1", "sit/2"])
    recordings = [lists.RecordedFile(path, "video") for path in ("wave/1_rgb.mp4", "wave/1.avi", "sit/2.mp4")]
    assert [row.clip_id for row in lists.clips(recordings, known)] == ["wave/1_rgb.mp4", "wave/1.avi", "sit/2"]
