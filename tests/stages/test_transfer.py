"""The transfer stage: options in, a folder out, and a start without torch."""

import pytest
import yaml

from pipeline.core import scores
from pipeline.core.errors import ParamsError
from stages import transfer
from tests import toy

PARAMS = {
    "transfer": {
        "folds": {"num_folds": 2, "seed": 0},
        "page": {"num_clips": 4, "num_graphs": 0},
        "rows": {
            "toy-skeleton-stgcn-prototypes": {
                "dataset": "toy",
                "split_table": "random",
                "features": "extract/toy.zarr",
                "embeddings": "toy-minilm",
                "text_type": "label",
                "centre": "none",
                "method": "prototypes",
                "inference": "reverse_transfer",
                "constraints": "I",
                "cap": "row",
                "extra": None,
                "selection": "val",
                "grid": {"num_neighbours": [1], "rho": [], "theta": []},
                "refit": "seen",
                "splits": ["s0"],
                "seeds": [0],
                "max_missing": 0.0,
            }
        },
    }
}


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    toy.write_task(tmp_path)
    toy.write_prompts(tmp_path / "p.parquet", ["c0", "c1", "c2", "c3"])
    names = {"features": "f.zarr", "embeddings": "t.zarr", "split": "s.parquet", "prompts": "p.parquet", "out": "out"}
    return {name: tmp_path / file for name, file in names.items()}


def test_a_row_of_params_becomes_a_folder_of_scores(options):
    transfer.main(row="toy-skeleton-stgcn-prototypes", **options)
    assert sorted(path.name for path in options["out"].iterdir()) == [
        "history.csv",
        "page.json",
        "programs.json",
        "scores.zarr",
    ]
    assert [scored.values.shape for scored in scores.read(options["out"], "transfer")] == [(2, 1, 4), (2, 1, 1)]


def test_a_row_that_is_not_there_is_said(options):
    with pytest.raises(ParamsError, match=r"has no row 'x'; found \['toy-skeleton-stgcn-prototypes'\]"):
        transfer.main(row="x", **options)
