"""What a command imports before it works: help, a wrong row and a launcher wait for nothing they do not use."""

import subprocess
import sys
from pathlib import Path

from pipeline.core import members

ROOT = Path(__file__).parents[1]
# What must not be imported -> by what. In this order one process checks them all: later ones are allowed more.
LIGHT = {
    ("torch", "zarr", "pyarrow", "numpy", "pandas", "sentence_transformers", "matplotlib"): ["pipeline.cli"],
    ("torch", "matplotlib", "ortools", "sklearn", "PIL"): [
        "stages.transfer",
        "stages.cross",
        "pipeline.steps.evaluate",
    ],
    ("torch",): [
        *(f"pipeline.modalities.{name}" for name in members.names("pipeline.modalities")),
        "pipeline.modalities.skeleton.recipes.dvta50",
        "pipeline.steps.preprocess",
        *(f"pipeline.models.methods.{name}" for name in ("bind_supervised", "cosine", "pgfa", "ridge")),
        "stages.align",
        "stages.compare",
        "stages.embed",
        "stages.evaluate",
        "stages.report",
        "stages.retrieve",
        "pipeline.steps.align",
        "pipeline.steps.transfer",
    ],
}
CODE = f"""
import importlib, sys
def check(module, *heavy):
    importlib.import_module(module)
    print(*(f"{{module}} imports {{name}}" for name in heavy if name in sys.modules))
for heavy, modules in {LIGHT}.items():
    for module in modules:
        check(module, *heavy)
from pipeline.training import selection
selection.method("ridge")
check("pipeline.models.methods.ridge", "torch")
check("stages.finetune", "open_clip", "torchvision", "transformers")  # torch is what it is about
"""


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
