"""The overlap audit and the composition of label lists, with an encoder whose vectors are counts of letters."""

import json
from collections import Counter

import numpy as np
import pytest

from pipeline.commands import compose, overlap
from pipeline.core.errors import DataError, ParamsError
from pipeline.labels import overlap as label_lists
from pipeline.transfer.prototypes import Setting

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Letters:
    """Equal bags of letters are at distance 0."""

    weights_hash = "letters"

    def encode(self, texts):
        return np.array([[Counter(text)[letter] for letter in LETTERS] for text in texts], dtype=np.float32)


@pytest.fixture
def lists(tmp_path):
    contents = {
        "source": ["riding bike", "TaiChi", "swimming pool", "boxing", "hurling (sport)"],
        "one": ["BikeRide", "tai_chi"],
        "two": ["Tai Chi", "loop swimming"],
    }
    for name, names in contents.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(names) + "\n")
    return tmp_path


def audited(lists, **changes):
    options = {"threshold": 0.05, "published": (), "cache": lists / ".cache", "out": None} | changes
    return overlap.overlap(
        str(lists / "source.txt"), [str(lists / f"{n}.txt") for n in ("one", "two")], Letters(), **options
    )


def test_each_check_removes_what_it_should(lists) -> None:
    found = audited(lists)
    assert (found.num_source, found.num_targets) == (5, 3)
    assert found.exact == {"TaiChi": "tai_chi"}
    assert found.same_words == {"riding bike": "BikeRide", "TaiChi": "tai_chi"}
    assert {match.source: match.target for match in found.removed} == {
        "TaiChi": "tai_chi",
        "swimming pool": "loop swimming",
    }
    assert [match.source for match in found.words_alone] == ["riding bike"]
    assert [match.source for match in found.vectors_alone] == ["swimming pool"]


def test_the_threshold_decides(lists) -> None:
    assert len(audited(lists, threshold=0.9).removed) == 5
    assert audited(lists, threshold=0.0).removed == []


def test_the_threshold_nearest_to_a_published_number_is_reported(lists) -> None:
    (goal,) = audited(lists, published=(3,)).published
    assert goal.num_kept_by_it == 3
    assert len(audited(lists, threshold=goal.threshold).removed) == 2


def test_the_audit_is_written_and_read_by_people(lists) -> None:
    found = audited(lists, published=(3,), out=lists / "audit.json")
    written = json.loads((lists / "audit.json").read_text())
    assert [line[0] for line in written["removed"]] == [match.source for match in found.removed]
    text = "\n".join(overlap.lines(found))
    assert "same name          removes    1, keeps    4" in text
    assert "swimming pool -> loop swimming" in text


@pytest.mark.parametrize(
    ("targets", "num_exact", "num_words"),
    [(("ucf101", "hmdb51"), 20, 40), (("ucf101", "hmdb51", "activitynet"), 87, 115)],
)
def test_kinetics_holds_known_numbers_of_target_classes(
    targets: tuple[str, ...], num_exact: int, num_words: int
) -> None:
    source = overlap.label_list("kinetics700")
    names = label_lists.union([overlap.label_list(target) for target in targets])
    exact, bags = label_lists.same_name(source, names), label_lists.same_words(source, names)
    assert (len(exact), len(bags)) == (num_exact, num_words)
    assert set(exact) <= set(bags)


@pytest.mark.parametrize(
    ("name", "size", "first"),
    [
        ("kinetics400", 400, "abseiling"),
        ("kinetics600", 600, "abseiling"),
        ("kinetics700", 700, "abseiling"),
        ("activitynet", 200, "Applying sunscreen"),
        ("ucf101", 101, "ApplyEyeMakeup"),
    ],
)
def test_lists_of_the_project_are_known_by_name(name: str, size: int, first: str) -> None:
    assert len(overlap.label_list(name)) == size
    assert overlap.label_list(name)[0] == first


def test_an_unknown_list_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no label list 'imagenet'.*hmdb51.*ntu60"):
        overlap.label_list("imagenet")


def test_an_overlap_needs_a_target() -> None:
    with pytest.raises(DataError, match="at least one"):
        overlap.overlap("ucf101", [], Letters(), threshold=0.1, published=(), out=None)


def test_a_text_encoder_is_found_by_name_with_its_own_params(tmp_path) -> None:
    (tmp_path / "v.txt").write_text("ride 1 0\nbike 0 1\n")
    model = {"path": str(tmp_path / "v.txt"), "unit_words": True}
    encoder = overlap.text_encoder("word_vectors", json.dumps(model), num_threads=1)
    assert encoder.encode(["ride bike"]).tolist() == [[0.5, 0.5]]
    with pytest.raises(ParamsError, match=r"--model: section 'encoder word_vectors'.*unit_words"):
        overlap.text_encoder("word_vectors", '{"path": "v"}', num_threads=1)


def test_a_model_that_is_no_json_is_one_line() -> None:
    with pytest.raises(ParamsError, match=r"--model: not JSON: .*expected such as .*found '\{bad'"):
        overlap.text_encoder("minilm", "{bad", num_threads=1)


def composed(lists, **changes):
    options = {"cap": "row", "overlap": "remove", "threshold": 0.05, "cache": lists / ".cache"} | changes
    setting = options.pop("setting", Setting(2, 2, 0.0))
    return compose.compose(str(lists / "source.txt"), str(lists / "two.txt"), Letters(), setting, **options)


def test_a_source_of_which_nothing_is_left_says_how_to_keep_it(lists) -> None:
    with pytest.raises(DataError, match=r"all 5 classes overlap with .*--overlap keep"):
        composed(lists, threshold=2.0)


def test_overlapping_source_classes_make_up_nothing_unless_kept(lists) -> None:
    found = composed(lists)
    assert {match.source for match in found.removed} == {"TaiChi", "swimming pool"}
    assert set(found.choice.seen.names) == {"riding bike", "boxing", "hurling (sport)"}
    (lists / "two.txt").write_text("loop swimmings\n")
    kept = composed(lists, overlap="keep")
    assert kept.removed == []
    assert kept.choice.seen.names[kept.choice.seen_P[0]] == "swimming pool"


def test_the_composition_is_read_by_people(lists) -> None:
    first, *rest = compose.lines(composed(lists))
    assert "2 target classes over 3 source classes (2 removed as overlapping), K=2 rho=2" in first
    assert "optimal" in first
    assert [line.split(":")[0].strip() for line in rest] == ["Tai Chi", "loop swimming"]


@pytest.mark.parametrize(
    ("base", "change"),
    [
        ({}, {"setting": Setting(1, 2, 0.0)}),
        ({}, {"threshold": 0.0}),
        ({"setting": Setting(2, 1, 0.0)}, {"cap": "both"}),
    ],
)
def test_every_option_of_the_composition_changes_it(lists, base, change) -> None:
    (lists / "two.txt").write_text("Tai Chi\nloop swimming\nring a bike\n")
    plain, changed = (list(compose.lines(composed(lists, **options))) for options in (base, base | change))
    assert plain != changed


def test_mean_ranks_are_a_statistic_for_each_setting(tmp_path) -> None:
    grid = [Setting(2, None, 0.0), Setting(10, None, 0.0)]
    found = compose.mean_ranks("hmdb51", Letters(), grid, cap="row", num_folds=3, seed=0, cache=tmp_path)
    assert [setting for setting, _ in found] == grid
    assert all(1 <= rank <= 17 for _, rank in found)
    assert found[0][1] != found[1][1]
