from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import prepared, store
from pipeline.core.pages import Clip, Clips, Page
from pipeline.reporting import page_strips


def page(*clip_ids: str, modality: str = "skeleton") -> Page:
    part = Clips(
        title="Hits", note="", dataset="toy", modality=modality, clips=[Clip(clip_id=i, caption="c") for i in clip_ids]
    )
    blank: dict[str, Any] = {"text": [], "tables": [], "lines": [], "images": []}
    return Page(title="t", stage="evaluate", row="r", clips=[part], **blank)


def write_clips(arrays: Path, name: str, *clip_ids: str, shift: float = 0.0) -> None:
    random = np.random.default_rng(0)
    with store.create(arrays / f"toy/{name}.zarr", {"layout": "kinect20"}) as out:
        group = out.group(prepared.GROUP, sorted(clip_ids))
        clips = random.normal(size=(len(clip_ids), 3, 6, 20, 1)).astype(np.float32) + shift
        prepared.put(group, clips.shape[1:], [6] * len(clip_ids), list(clips))


def test_the_clips_that_pages_name_are_drawn_where_they_are(tmp_path: Path) -> None:
    write_clips(tmp_path, "skeleton-a", "toy/1", "toy/2")
    strips = page_strips.draw([page("toy/1", "toy/9"), page("toy/2")], tmp_path)
    assert sorted(strips) == [("toy", "skeleton", "toy/1"), ("toy", "skeleton", "toy/2")]
    assert strips == page_strips.draw([page("toy/1", "toy/2")], tmp_path)
    assert len(set(strips.values())) == 2
    assert all(picture.startswith(b"\x89PNG") and len(picture) < 1 << 15 for picture in strips.values())


def test_a_dataset_without_prepared_arrays_has_no_strips(tmp_path: Path) -> None:
    assert page_strips.draw([page("toy/1")], tmp_path / "nowhere") == {}


def test_of_several_modalities_the_skeleton_is_drawn(tmp_path: Path) -> None:
    write_clips(tmp_path, "depth-a", "toy/1", shift=9.0)
    write_clips(tmp_path, "skeleton-a", "toy/1")
    fused = page_strips.draw([page("toy/1", modality="depth+skeleton")], tmp_path)
    alone = page_strips.draw([page("toy/1")], tmp_path)
    assert list(fused.values()) == list(alone.values())
