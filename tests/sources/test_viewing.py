"""What is found out of a dataset once: asked again for each clip or each part, a large one would not end."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import hashing, store
from pipeline.core.params import parse
from pipeline.core.store import Store
from pipeline.sources import viewing
from pipeline.sources.stored_clips import Tokens
from pipeline.sources.video_clips import Videos, Window
from tests.core.table_rows import clip_row

TEST = viewing.Test(num_clips=1, positions="even", crop="centre", batch_size=2)
HISTORY = viewing.WeightsHistory([], [], None)


@pytest.fixture
def stored(tmp_path: Path) -> viewing.StoredView:
    with store.create(tmp_path / "f.zarr", {"dataset": "d"}) as writer:
        writer.group("all", ["d/a", "d/b"]).put("pooled", np.eye(2, dtype=np.float32))
    found = Store(tmp_path / "f.zarr", "extract")
    return viewing.StoredView(found, Tokens(found, "all", "pooled", None), TEST, HISTORY, {})


def test_ids_are_sorted_once(stored: viewing.StoredView) -> None:
    asked = {"num_frames": 2, "stride": 1, "short_side": 4, "crop": 4, "short": "repeat"}
    window = parse(Window, asked, "window")
    filmed = viewing.VideoView(Videos("d", Path(), {"d/b": clip_row(), "d/a": clip_row()}), window, TEST, {}, HISTORY)
    assert (filmed.ids, stored.ids) == (["d/a", "d/b"], ["d/a", "d/b"])
    assert filmed.ids is filmed.ids
    assert stored.ids is stored.ids


def test_a_store_is_hashed_once_however_many_parts_ask(
    stored: viewing.StoredView, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    monkeypatch.setattr(viewing, "path_digest", lambda path: hashed.append(path) or hashing.path_digest(path))
    one, other = stored.decided_by(["d/a"]), stored.decided_by(["d/b"])
    assert one != other
    assert hashed == [stored.store.path]
    shutil.copytree(stored.store.path, stored.store.path.with_name("g.zarr"))
    again = viewing.StoredView(
        Store(stored.store.path.with_name("g.zarr"), "extract"), stored.tokens, TEST, HISTORY, {}
    )
    assert again.decided_by(["d/a"]) == one
