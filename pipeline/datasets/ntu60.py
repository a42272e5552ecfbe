"""NTU RGB+D: the 60 actions of setups 1-17; a folder that holds all 120 serves as well."""

import re

from pipeline.datasets.shared import Annotations, Dataset, FileList, SubjectProtocol, by_subject
from pipeline.formats import annotations_pickle, depth_png, ntu_names, ntu_skeleton, video

PICKLES = re.compile(r"\.pkl$")

DATASET = Dataset(
    name="ntu60",
    title="NTU RGB+D",
    citation="Shahroudy, Liu, Ng, Wang: NTU RGB+D: A large scale dataset for 3D human activity analysis, CVPR 2016",
    terms="academic research on request; no redistribution",
    published_by="the ROSE Lab of Nanyang Technological University, 'NTU RGB+D', "
    "3D skeletons, depth maps, IR and RGB videos",
    class_base=1,
    patterns=ntu_names.patterns(r"00[1-9]|01[0-7]"),
    folders=frozenset({"depth"}),
    annotations=Annotations(PICKLES, annotations_pickle.read_clips),  # of pyskl and mmaction2
    aligned=frozenset({"depth", "thermal"}),  # colour video starts and ends on its own clock
    readers={
        "skeleton": annotations_pickle.beside(ntu_skeleton.read),
        "depth": depth_png.footage,
        "thermal": video.grey_footage,
        "video": video.footage,
    },
    subjects={
        **by_subject(frozenset({1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38})),
        "xview": SubjectProtocol("camera", frozenset({2, 3})),
    },
    missing_skeletons=FileList("NTU_RGBD_samples_with_missing_skeletons.txt", 302, ntu_names.read_missing_skeletons),
)
