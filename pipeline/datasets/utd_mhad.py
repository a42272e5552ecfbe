"""UTD-MHAD: 27 actions, 8 subjects, 4 trials each, one Kinect v1; 20 joints at 30 Hz in MATLAB files."""

import re

from pipeline.datasets.shared import Dataset, by_subject
from pipeline.formats import mat

DATASET = Dataset(
    name="utd_mhad",
    title="UTD Multimodal Human Action Dataset",
    citation="Chen, Jafari, Kehtarnavaz: UTD-MHAD: A multimodal dataset for human action recognition utilizing a depth "
    "camera and a wearable inertial sensor, ICIP 2015",
    terms="free for research; cite the paper",
    published_by="the University of Texas at Dallas, page 'UTD Multimodal Human Action Dataset', Skeleton.zip "
    "and Depth.zip",
    class_base=1,
    patterns={
        modality: re.compile(
            r"(?:^|/)(?P<recording>a(?P<class>\d{1,2})_s(?P<subject>\d)_t(?P<replication>\d))_" + modality + r"\.mat$"
        )
        for modality in ("skeleton", "depth")
    },
    readers={"skeleton": mat.read_skeleton, "depth": mat.depth_footage},
    aligned=frozenset({"skeleton", "depth"}),
    subjects=by_subject(frozenset({1, 3, 5, 7})),
)
