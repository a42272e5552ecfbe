"""The demo world: skeleton files in the layout of NTU RGB+D, made by the stage `synthesize`."""

import re

from pipeline.datasets.shared import Dataset, SubjectProtocol
from pipeline.formats import ntu_skeleton

DATASET = Dataset(
    name="demo",
    title="Demo world",
    citation="none: synthetic, made by this project",
    terms="those of this project",
    published_by="this project, stage `synthesize`",
    class_base=1,
    patterns={
        "skeleton": re.compile(
            r"(?:^|/)(?P<recording>S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})"
            r"R(?P<replication>\d{3})A(?P<class>\d{3}))\.skeleton$"
        ),
    },
    readers={"skeleton": ntu_skeleton.read},
    subjects={"xsub": SubjectProtocol("subject", frozenset(range(1, 1000, 2)))},  # every other one, however many
)
