"""Any recordings of the user's own: `manifest.csv` or `.parquet` lists the clips, `classes.csv` beside it the classes.

A dataset that has no file here and such a list below data/raw/<dataset> is read by this one under its own name.
"""

from pipeline.datasets.shared import Annotations, Dataset, OwnList
from pipeline.formats import boxes, clip_manifest, skeletons, video

DATASET = Dataset(
    name="manifest",
    title="Own recordings",
    citation="the user's own",
    terms="the user's own",
    published_by="the user: manifest.csv, classes.csv and the files that they name",
    patterns=clip_manifest.RECORDINGS,
    folders=frozenset({"depth"}),
    boxed=frozenset({"video"}),
    annotations=Annotations(clip_manifest.FILES, clip_manifest.read_clips),
    readers={
        "skeleton": skeletons.read,
        "depth": clip_manifest.depth_footage,
        "thermal": video.grey_footage,
        "video": video.footage,
        "boxes": boxes.read,
    },
    subjects={"own": OwnList(clip_manifest.FILES, clip_manifest.read_sides)},
)
