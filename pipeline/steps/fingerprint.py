"""fingerprint: the code -> one small file a stage and a member, which changes when what it runs changes.

DVC compares files, and a stage's code is some forty of them: as dependencies they are kept by hand and parsed after
every stage. Each stage depends on its digest instead, and on those of the members that its row names.
"""

from collections.abc import Iterable
from pathlib import Path

from pipeline.core import members
from pipeline.core.closure import ROOT, Code
from pipeline.core.outputs import whole_folder

# Folders of which a row names a member; * = each modality.
_ONE_BY_ONE = (
    "pipeline.datasets",
    "pipeline.modalities.*",
    "pipeline.modalities.*.recipes",
    "pipeline.models.methods",
    "pipeline.models.text_encoders",
)
# Of which a row names several, or one or none: by the digest's name. Streams are of any encoder of their folder.
_AS_A_WHOLE = {
    "modalities.skeleton.streams": ("pipeline.modalities.skeleton",),
    "text.negatives": ("pipeline.text.negatives",),
    "modalities": ("pipeline.modalities.*",),
    "models.methods": ("pipeline.models.methods",),
    "datasets": ("pipeline.datasets",),
}


_DATASETS, _COLLECTION = "pipeline.datasets", "manifest"  # which reads a dataset that has no file there


def fingerprint(ingested: Iterable[str] = (), *, out: Path) -> dict[str, int]:
    """Write `<stage>.txt`, `<folder>.<member>.txt` and, of folders that are read whole, `<folder>.txt`.

    Each has a line per file, its digest and its path. Of the `ingested` datasets those without a file, collections of
    the user's own, have a digest too: that of the member which reads them.
    """
    code = Code()
    stages = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__", "fingerprint"}
    targets = {stage: [f"stages.{stage}"] for stage in sorted(stages)}
    for package in _each(_ONE_BY_ONE):
        targets |= {_short(f"{package}.{name}"): [f"{package}.{name}"] for name in members.names(package)}
    own = set(ingested) - set(members.names(_DATASETS))
    targets |= {f"datasets.{name}": [f"{_DATASETS}.{_COLLECTION}"] for name in sorted(own)}
    for whole, packages in _AS_A_WHOLE.items():
        targets[whole] = [f"{package}.{name}" for package in _each(packages) for name in members.names(package)]
    with whole_folder(out) as folder:
        for name, modules in targets.items():
            lines = [f"{digest}  {path}\n" for path, digest in code.files(*modules).items()]
            (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    return {"digests": len(targets)}


def _each(packages: Iterable[str]) -> list[str]:
    modalities = members.names("pipeline.modalities")
    return [
        package.replace("*", modality) for package in packages for modality in (modalities if "*" in package else [""])
    ]


def _short(module: str) -> str:
    return module.removeprefix("pipeline.")
