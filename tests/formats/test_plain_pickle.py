import os
import pickle
import sys
import tracemalloc
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import FormatError
from pipeline.formats import plain_pickle


def stored(folder: Path, content: bytes) -> Path:
    path = folder / "x.pkl"
    path.write_bytes(content)
    return path


class Call:
    """Unpickles into a call."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_arrays_come_back(tmp_path, protocol):
    value = {
        "a": [1, 2.5, None, True, "ä", b"raw", (1, 2)],
        "n": np.arange(6, dtype=">i2").reshape(2, 3),
        "s": np.float32(2),
    }
    found = plain_pickle.read(stored(tmp_path, pickle.dumps(value, protocol=protocol)))
    assert found["a"] == value["a"]
    assert (found["n"].value == value["n"]).all()
    assert found["n"].value.shape == (2, 3)
    assert found["s"] == 2.0


def test_an_array_stored_by_column_keeps_its_places(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert (plain_pickle.read(stored(tmp_path, pickle.dumps(array, protocol=2))).value == array).all()


def test_the_module_name_of_numpy_1_is_known(tmp_path):
    content = pickle.dumps(np.ones(3), protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert plain_pickle.read(stored(tmp_path, content)).value.sum() == 3


HOSTILE = {
    "system": pickle.dumps(Call(os.system, "touch pwned")),
    "eval": pickle.dumps(Call(eval, "open('pwned', 'w')")),
    "getattr": pickle.dumps(Call(getattr, "x", "__class__")),
    "a class": pickle.dumps(OrderedDict(a=1)),
    "object array": pickle.dumps(np.array([Call(os.getcwd)], dtype=object)),
    "text array": pickle.dumps(np.array(["a"])),
    "persistent id": b"\x80\x02U\x01xQ.",
    "extension": b"\x80\x02\x82\x01.",
    "state of a constructor": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}U\x05_makeU\x01xsb.",
    "slots of a constructor": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nN}U\x05_makeU\x01xs\x86b.",
    "a call of ndarray": b"\x80\x02cnumpy\nndarray\nK\x05\x85R.",
    "encode": pickle.dumps(Call(__import__("codecs").encode, "x", "rot13")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pickle_that_would_run_code_is_refused_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError) as caught:
        plain_pickle.read(stored(tmp_path, HOSTILE[name]))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_what_a_hostile_pickle_tried_leaves_the_reader_as_it_was(tmp_path):
    for content in HOSTILE.values():
        with pytest.raises(FormatError):
            plain_pickle.read(stored(tmp_path, content))
    assert plain_pickle.read(stored(tmp_path, pickle.dumps(np.ones(2)))).value.tolist() == [1, 1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux bounds a process's memory")
@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04K\x01r\xff\xff\xff\x7f.",  # the two thousand millionth place of the memo
        b"\x80\x04\x8e\x00\x00\x00\x00\x10\x00\x00\x00.",  # 64 GiB of bytes announced
        b"\x80\x05\x96\x00\x00\x00\x00\x10\x00\x00\x00.",
    ],
)
def test_a_few_bytes_cannot_ask_for_gigabytes(tmp_path, monkeypatch, content):
    monkeypatch.setattr(plain_pickle, "MEMORY_BYTES", 256 << 20)
    tracemalloc.start()
    with suppress(FormatError):
        plain_pickle.read(stored(tmp_path, content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


DOUBLED = b"]\x94(K\x01K\x01e" + b"".join(b"]\x94(h%ch%ce" % (i, i) for i in range(60))
ONE_HASH = [((2**61 - 1) * number).to_bytes(10, "little") for number in range(99)]
HANGS = {
    "a tuple as a key": b"\x80\x04}K\x01" + b"2\x86" * 45 + b"K\x01s.",
    "without DUP": b"\x80\x04}(K\x01\x94" + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(45)) + b"u.",
    "in a set": b"\x80\x04\x8f(K\x01" + b"2\x86" * 45 + b"\x90.",
    "in a frozen set": b"\x80\x04(K\x01" + b"2\x86" * 45 + b"\x91.",
    "as the code of a type": b"\x80\x02cnumpy\ndtype\nK\x01" + b"2\x86" * 45 + b"\x85R.",
    "of the older dict": b"\x80\x04(K\x01" + b"2\x86" * 45 + b"K\x01d.",
    "keys of one hash": b"\x80\x04}(" + b"".join(b"\x8a\x0a%bN" % key for key in ONE_HASH) + b"u.",
    "doubled lists": b"\x80\x04" + DOUBLED + b".",
    "lists doubled while they are empty": b"\x80\x04"
    + b"".join(b"]\x940" for _ in range(60))
    + b"".join(b"h%c(h%ch%ce0" % (i, i + 1, i + 1) for i in range(59))
    + b"h\x00.",
    "a list in itself": b"\x80\x04]\x94h\x00a.",
    "an array that grows where it is shared": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)Rq\x00h\x00h\x00("
    b"K\x01K\x01\x85cnumpy\ndtype\nU\x02u1\x85R\x89U\x01atb.",
    "a long text over and over": b"\x80\x04X\x00\x00\x01\x00" + b"a" * 65536 + b"\x94](" + b"h\x00" * 999 + b"e.",
}


@pytest.mark.parametrize("name", HANGS)
def test_a_pickle_whose_values_are_used_over_and_over_is_refused_at_once(tmp_path, name):
    with pytest.raises(FormatError, match="distrust the file"):
        plain_pickle.read(stored(tmp_path, HANGS[name]))


def test_values_that_are_shared_as_a_program_shares_them_are_read(tmp_path):
    row, about = [1.5, 2.5], {"set": "train", "size": (480, 270)}
    value = {f"frame {i}": [{"row": row, "about": about, "both": [row, about]}] * 3 for i in range(500)}
    assert plain_pickle.read(stored(tmp_path, pickle.dumps(value))) == value


def test_a_text_that_no_encoding_holds_is_refused(tmp_path):
    for protocol in range(5):
        with pytest.raises(FormatError, match="not a readable pickle"):
            plain_pickle.read(stored(tmp_path, pickle.dumps({"a": "\ud800"}, protocol)))


def test_a_folder_or_a_pipe_in_place_of_the_file_is_said(tmp_path):
    with pytest.raises(FormatError, match="a folder, expected a pickle as a file"):
        plain_pickle.read(tmp_path)
    os.mkfifo(tmp_path / "p.pkl")
    with pytest.raises(FormatError, match="a pipe, expected a pickle as a file"):
        plain_pickle.read(tmp_path / "p.pkl")


def test_a_file_beyond_the_bound_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "big.pkl"
    with path.open("wb") as file:
        file.truncate(plain_pickle.MAX_FILE_BYTES + 1)  # sparse: takes no room
    with pytest.raises(FormatError, match="at most"):
        plain_pickle.read(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        plain_pickle.read(tmp_path / "none.pkl")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_pickles_give_our_error_and_no_other(tmp_path, data):
    protocol = data.draw(st.sampled_from([2, 4]))
    raw = bytearray(pickle.dumps({"k": [1, None, "x", 2.5], "a": np.ones((2, 2), np.float32)}, protocol=protocol))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FormatError):
        plain_pickle.read(stored(tmp_path, bytes(raw[: data.draw(st.integers(0, len(raw)))])))
