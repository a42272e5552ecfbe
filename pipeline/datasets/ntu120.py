"""NTU RGB+D 120: the 60 actions of NTU RGB+D and 60 more, setups 1-32."""

import re

from pipeline.datasets.shared import Annotations, Dataset, FileList, SubjectProtocol, by_subject
from pipeline.formats import annotations_pickle, depth_png, ntu_names, ntu_skeleton, video

PICKLES = re.compile(r"\.pkl$")

DATASET = Dataset(
    name="ntu120",
    title="NTU RGB+D 120",
    citation="Liu, Shahroudy, Perez, Wang, Duan, Kot: NTU RGB+D 120: A large-scale benchmark for 3D human activity "
    "understanding, TPAMI 2020",
    terms="academic research on request; no redistribution",
    published_by="the ROSE Lab of Nanyang Technological University, 'NTU RGB+D 120', "
    "3D skeletons, depth maps, IR and RGB videos",
    class_base=1,
    patterns=ntu_names.patterns(ntu_names.ANY_SETUP),
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
        **by_subject(
            frozenset(
                {1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38, 45, 46, 47, 49, 50, *range(52, 60)}
            )
            | frozenset({70, 74, 78, *range(80, 87), 89, *range(91, 96), 97, 98, 100, 103}),
        ),
        "xset": SubjectProtocol("setup", frozenset(range(2, 33, 2))),
    },
    missing_skeletons=FileList("NTU_RGBD120_samples_with_missing_skeletons.txt", 535, ntu_names.read_missing_skeletons),
)
