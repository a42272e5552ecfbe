"""NTU RGB+D: the 60 actions of setups 1-17; a folder that holds all 120 serves as well."""

import re

from pipeline.datasets.shared import Dataset, FileList, SubjectProtocol
from pipeline.formats import ntu_skeleton

DATASET = Dataset(
    name="ntu60",
    title="NTU RGB+D",
    citation="Shahroudy, Liu, Ng, Wang: NTU RGB+D: A large scale dataset for 3D human activity analysis, CVPR 2016",
    terms="academic research on request; no redistribution",
    published_by="the ROSE Lab of Nanyang Technological University, 'NTU RGB+D', 3D skeletons (body joints)",
    class_base=1,
    patterns={
        "skeleton": re.compile(
            r"(?:^|/)(?P<recording>S(?P<setup>00[1-9]|01[0-7])C(?P<camera>\d{3})P(?P<subject>\d{3})"
            r"R(?P<replication>\d{3})A(?P<class>\d{3}))\.skeleton$"
        ),
    },
    readers={"skeleton": ntu_skeleton.read},
    subjects={
        "xsub": SubjectProtocol("subject", frozenset({1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38})),
        "xview": SubjectProtocol("camera", frozenset({2, 3})),
    },
    missing_skeletons=FileList("NTU_RGBD_samples_with_missing_skeletons.txt", 302),
)
