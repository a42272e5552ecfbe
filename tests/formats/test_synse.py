import hashlib

import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import synse

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
CLASSES = np.array([7, 7, 2, 0])


@pytest.fixture
def folder(tmp_path):
    synse.write(tmp_path, "ztest", VECTORS, CLASSES)
    return tmp_path


def test_vectors_and_classes_stand_in_the_files_that_the_authors_name(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["z_label.npy", "ztest.npy"]
    part = synse.read(folder, "ztest")
    np.testing.assert_array_equal(part.vectors_ND, VECTORS)
    np.testing.assert_array_equal(part.class_ids_N, CLASSES)


def test_vectors_are_not_read_before_they_are_asked_for(folder):
    assert isinstance(synse.read(folder, "ztest").vectors_ND, np.memmap)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_a_vector_is_float32_however_it_is_stored(dtype, order, folder):
    np.save(folder / "ztest.npy", np.asarray(VECTORS, dtype, order=order))
    part = synse.read(folder, "ztest")
    assert part.vector(2).tobytes() == VECTORS[2].tobytes()
    assert part.digest(2) == hashlib.sha256(VECTORS[2].tobytes()).hexdigest()


def test_a_number_beyond_float32_is_infinite(folder):
    np.save(folder / "ztest.npy", VECTORS.astype(np.float64) * 1e300)
    assert np.isinf(synse.read(folder, "ztest").vector(3)).all()


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("ztest", VECTORS[:3], r"ztest\.npy: 3 vectors, but 4 labels in z_label\.npy"),
        ("ztest", VECTORS[0], r"ztest\.npy: expected vectors \(clips, size\) of floats, found shape \(3,\)"),
        ("ztest", VECTORS.astype(int), r"expected vectors .* type int64"),
        ("ztest", np.zeros((4, 3), [("a", "f4")]), r"expected vectors"),
        ("z_label", np.eye(4), r"z_label\.npy: expected class ids \(clips\) of integers, found shape \(4, 4\)"),
        ("z_label", CLASSES.astype(np.float32), r"expected class ids .* type float32"),
        ("ztest", np.zeros((0, 3), np.float32), r"ztest\.npy"),
    ],
)
def test_arrays_that_do_not_fit_are_one_clear_line(name, array, message, folder):
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(FormatError, match=message) as error:
        synse.read(folder, "ztest")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "header", [b"{'descr': '<f4", b"{'descr': '<f4', 'fortran_order': Fal, 4), }", b"{'shape': (-1,)}"]
)
def test_a_damaged_header_is_one_clear_line(header, folder):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(48)
    (folder / "ztest.npy").write_bytes(content)
    with pytest.raises(FormatError, match=r"ztest\.npy: no readable \.npy array"):
        synse.read(folder, "ztest")


class Trap:
    def __reduce__(self):
        return print, ("ran",)


def pickled(folder):
    np.save(folder / "ztest.npy", np.array([Trap()]), allow_pickle=True)


def cut_short(folder):
    content = (folder / "ztest.npy").read_bytes()
    (folder / "ztest.npy").write_bytes(content[:-4])


def huge(folder):
    content = (folder / "ztest.npy").read_bytes()
    (folder / "ztest.npy").write_bytes(content.replace(b"(4, 3), }" + b" " * 9, b"(4000000000, 3), }"))


def archive(folder):
    with (folder / "ztest.npy").open("wb") as file:
        np.savez(file, VECTORS)


def empty(folder):
    (folder / "ztest.npy").write_bytes(b"")


def gone(folder):
    (folder / "ztest.npy").unlink()


@pytest.mark.parametrize("damage", [pickled, cut_short, huge, archive, empty, gone])
def test_a_file_that_is_no_plain_array_is_one_clear_line_and_runs_nothing(damage, folder, capsys):
    damage(folder)
    with pytest.raises(FormatError, match=r"ztest\.npy: no (readable \.npy array|such file)") as error:
        synse.read(folder, "ztest")
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "descr", ["',i8'", "'f4',", "'i8,i8'", "(2,)", "'M8[s]'", "[('a','<f4')]", "'\\N{x}'", "'f4'*999"]
)
def test_a_header_that_is_no_type_of_numbers_is_refused(folder, descr):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1, 2), }}".ljust(117).encode() + b"\n"
    (folder / "ztest.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16))
    with pytest.raises(FormatError, match=r"ztest\.npy: (no readable \.npy array|expected vectors)"):
        synse.read(folder, "ztest")


def test_a_class_beyond_the_numbers_is_refused(folder):
    labels = np.load(folder / "z_label.npy").astype(np.uint64)
    labels[0] = 1 << 63
    np.save(folder / "z_label.npy", labels)
    with pytest.raises(FormatError, match="class 9223372036854775808 cannot be"):
        synse.read(folder, "ztest")


def test_a_header_of_python_2_is_read(folder):
    array = np.load(folder / "ztest.npy")
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(array)}L, {array.shape[1]}), }}"
    header = header.ljust(117).encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    (folder / "ztest.npy").write_bytes(start + header + array.astype("<f4").tobytes())
    assert np.array_equal(synse.read(folder, "ztest").vectors_ND, array.astype(np.float32))
