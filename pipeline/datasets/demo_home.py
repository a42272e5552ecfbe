"""The demo home, a target of transfer: other people, cameras and rooms than the demo, some of its classes renamed.

Its thermal camera is radiometric: folders of 16-bit PNG.
"""

from pipeline.datasets.shared import Dataset, by_subject
from pipeline.formats import boxes, depth_png, ntu_names, ntu_skeleton, thermal_png, video

DATASET = Dataset(
    name="demo_home",
    title="Demo home",
    citation="none: synthetic, made by this project",
    terms="those of this project",
    published_by="this project, stage `synthesize`",
    class_base=1,
    patterns=ntu_names.patterns(ntu_names.ANY_SETUP, thermal=r"/Thermal-\d{8}\.png$", boxes=r"_boxes\.csv$"),
    folders=frozenset({"depth", "thermal"}),
    aligned=frozenset({"depth", "thermal", "video"}),
    boxed=frozenset({"depth", "thermal", "video"}),
    readers={
        "skeleton": ntu_skeleton.read,
        "depth": depth_png.footage,
        "thermal": thermal_png.footage,
        "video": video.footage,
        "boxes": boxes.read,
    },
    subjects=by_subject(frozenset(range(1, 1000, 2))),  # every other one, however many
)
