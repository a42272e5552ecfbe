"""docs/data.md stays true: a user's own films, with the page's own profile, become a report."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pipeline.core import dag
from pipeline.datasets import shared
from pipeline.formats import video
from tests.field.test_field_profiles import repeated, typed

Checkout = Any  # of tests/conftest.py
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/data.md").read_text(encoding="utf-8")
[PROFILE] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
[COMMANDS] = re.findall(r"```bash\n(ln -s .*?)```", PAGE, flags=re.DOTALL)
NUM_CLASSES = 12
SIDES = ("train", "train", "train", "test")


def write_recordings(folder: Path) -> None:
    """Four short films of each class, `manifest.csv` and `classes.csv`."""
    clips, classes = ["clip_id,modality,path,label,subject,split"], ["class_id,name,context"]
    for label in range(NUM_CLASSES):
        classes.append(f"{label},act {label},")
        for subject, side in enumerate(SIDES):
            rgb = np.random.default_rng([label, subject]).integers(0, 50, (6, 16, 24, 3), dtype=np.uint8)
            video.write(
                folder / f"{label}-{subject}.mp4", rgb + np.uint8(15 * label), frames_per_second=10, codec="libx264"
            )
            clips.append(f"{label}-{subject},video,{label}-{subject}.mp4,act {label},{subject},{side}")
    (folder / "manifest.csv").write_text("\n".join(clips))
    (folder / "classes.csv").write_text("\n".join(classes))


@pytest.mark.world
def test_films_of_a_users_own_become_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the page; then every stage, in this process, with one epoch of training."""
    for name in ("pipeline", "docs", "dvc.yaml", "requirements.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "data/raw/manifest").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    write_recordings(Path("data/raw/manifest"))
    Path("own.yaml").write_text(PROFILE, encoding="utf-8")
    link, *commands, last = [shlex.join(shlex.split(line, comments=True)) for line in COMMANDS.splitlines()]
    assert link.startswith("ln -s")
    assert last == "dvc repro"
    for line in commands:
        typed(line)
    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    tree["preprocess"]["compute"] = {"engine": "inline", "num_workers": 1}
    tree["pretrain"]["rows"]["manifest-video-framecnn"]["training"] |= {"num_epochs": 1, "num_threads": 1}
    Path("params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    for instance in dag.instances(ROOT / "dvc.yaml", tree):
        if instance.stage != "fingerprint":
            repeated(instance)
    assert Path("reports/evaluate/manifest-ridge.json").is_file()
    assert "My kitchen" in Path("reports/report/index.html").read_text(encoding="utf-8")


@pytest.mark.world
def test_a_folder_that_nobody_described_becomes_a_table(
    new_checkout: Callable[[Path], Checkout], tmp_path: Path
) -> None:
    """Recordings of a tiny world in folders of classes; then the commands of the page, with one epoch and one split."""
    (tmp_path / "checkout").mkdir()
    checkout = new_checkout(tmp_path / "checkout")
    checkout.run("dvc", "repro", "-s", "fingerprint", "synthesize@demo")
    recorded = sorted((checkout.folder / "data/synthesize/demo").rglob("*.skeleton"))
    for file in recorded:
        label, subject = int(file.stem[-3:]) - 1, int(file.stem[9:12])
        folder = tmp_path / "unknown" / shared.classes("demo")[label].name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"s{subject}.skeleton")
    told = checkout.run("unseen", "dataset", "new", "moves", "../unknown")
    assert f"skeleton {len(recorded):>9}" in told
    short = checkout.folder / "moves.yaml"
    text = short.read_text(encoding="utf-8").replace("[s0, s1, s2]", "[s0]").replace("epochs: 60", "epochs: 10")
    short.write_text(re.sub(r"num_epochs: \d+", "num_epochs: 1", text), encoding="utf-8")
    checkout.run("unseen", "profile", "use", "moves")
    ran = checkout.ran("dvc", "repro")
    assert {"ingest@moves", "evaluate@moves-skeleton-ours", "report"} <= ran
    assert not [name for name in ran if "demo" in name]
    assert "ours, no network" in checkout.run("unseen", "table", "moves")
    assert "Zero-shot recognition of moves" in (checkout.folder / "reports/report/index.html").read_text("utf-8")
    assert checkout.ran("dvc", "repro") == set()
