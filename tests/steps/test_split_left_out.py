"""Settings are chosen with clips of the training subjects alone, one of whom tests."""

from collections import Counter

import pytest

from pipeline.core.errors import DataError
from tests.steps.test_split import clip, written

CLIPS = [clip(c, s, r) for c in range(27) for s in range(1, 9) for r in (1, 2)]


def test_clips_of_who_neither_trains_nor_tests_are_unused(tmp_path):
    """Settings are chosen without the test subjects of the reported splits: 1, 3 and 5 train, 7 is left out."""
    rows, _ = written(tmp_path, clips=CLIPS, protocol="leave_one_out", splits=["s100_out_7"])
    subject_of = {one["clip_id"]: one["subject"] for one in CLIPS}
    used = {(subject_of[one["clip_id"]], one["role"].endswith("test")) for one in rows if one["role"] != "unused"}
    assert used == {(1, False), (3, False), (5, False), (7, True)}
    assert Counter(one["role"] for one in rows) == {
        "fit": 17 * 3 * 2, "val": 5 * 3 * 2, "seen_test": 22 * 2, "unseen_test": 5 * 2, "unused": 27 * 4 * 2 + 5 * 3 * 2
    }  # fmt: skip


def test_who_is_left_out_changes_no_class(tmp_path):
    _, reported = written(tmp_path, clips=CLIPS, splits=["s100", "purls_22_5"])
    names = ["s100_out_1", "s100_out_7", "purls_22_5_out_3"]
    rows, meta = written(tmp_path, clips=CLIPS, protocol="leave_one_out", splits=names)
    drawn = [name.partition("_out_")[0] for name in names]
    assert meta["splits"] == {name: reported["splits"][of] for name, of in zip(names, drawn, strict=True)}
    subject_of = {one["clip_id"]: one["subject"] for one in CLIPS}
    for name in names:
        of_split = [one for one in rows if one["split"] == name]
        tested = {subject_of[one["clip_id"]] for one in of_split if one["role"].endswith("test")}
        trained = {subject_of[one["clip_id"]] for one in of_split if one["role"] in ("fit", "val")}
        assert (tested, trained) == ({int(name[-1])}, {1, 3, 5, 7} - {int(name[-1])})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"splits": ["s0"]}, "split 's0': does not say which training subject tests; name it, as in 's0_out_3'"),
        ({"splits": ["s0_out_2"]}, "split 's0_out_2': leaves out subject 2, who is no training subject; name one of 1"),
        ({"splits": ["t0_out_3"]}, "split 't0_out_3': is neither published"),
        ({"splits": ["s0_out_3"], "protocol": "xsub"}, "split 's0_out_3': is neither published"),
    ],
)
def test_who_cannot_be_left_out_is_one_clear_line(tmp_path, keys, message):
    with pytest.raises(DataError, match=message):
        written(tmp_path, **{"clips": CLIPS, "protocol": "leave_one_out", **keys})
