"""PKU-MMD, part 1: untrimmed recordings of 51 actions by three cameras; a clip is one labelled part of a recording."""

import re

from pipeline.datasets.shared import Annotations, Dataset, OwnList
from pipeline.formats import pkummd, video

_RECORDING = r"(?P<recording>(?P<replication>\d{4})-(?P<camera>[LMR]))"

DATASET = Dataset(
    name="pku_mmd",
    title="PKU-MMD",
    citation="Liu, Hu, Li, Song, Liu: PKU-MMD: A large scale benchmark for continuous multi-modal human action "
    "understanding, 2017",
    terms="academic research; no redistribution",
    published_by="the STRUCT group of Peking University, page 'PKU-MMD', part 1: skeletons, labels and splits",
    # Skeletons and labels bear the same file names; their folders tell them apart.
    patterns={
        "skeleton": re.compile(rf"(?:^|/)[^/]*(?i:skeleton)[^/]*/(?:.*/)?{_RECORDING}\.txt$"),
        "video": re.compile(rf"(?:^|/){_RECORDING}\.(?:avi|mp4)$"),
    },
    letters={"L": 1, "M": 2, "R": 3},
    annotations=Annotations(re.compile(r"(?:^|/)[^/]*(?i:label)[^/]*/(?:.*/)?\d{4}-[LMR]\.txt$"), pkummd.read_clips),
    readers={"skeleton": pkummd.read_part, "video": video.footage},
    subjects={
        "xsub": OwnList(re.compile(r"(?:^|/)cross-subject\.txt$"), pkummd.read_protocol),
        "xview": OwnList(re.compile(r"(?:^|/)cross-view\.txt$"), pkummd.read_protocol),
    },
)
