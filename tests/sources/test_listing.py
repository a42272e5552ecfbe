import os

from pipeline.core.stamp import StampedFile
from pipeline.sources import listing


def test_what_stands_in_the_place_of_a_stamped_file_is_said_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mat")
    (tmp_path / "loop").symlink_to("loop")
    stamped = StampedFile("a.mat", 3, "0" * 64)
    assert listing.what_changed(tmp_path / "a.mat", stamped) == (
        "changed file: neither a file nor a folder, as the stamp has it"
    )
    assert listing.what_changed(tmp_path / "loop", stamped) == "missing file: the stamp lists it, the folder lacks it"
    assert listing.what_changed(tmp_path, stamped) == "changed file: the stamp says 3 bytes, found 0"
