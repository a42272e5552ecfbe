"""UCF101: 101 actions in 25 groups of clips cut from one video each; the official lists part the groups."""

import re

from pipeline.datasets.shared import Dataset, SubjectProtocol
from pipeline.formats import video

_GROUPS = frozenset(range(1, 26))

DATASET = Dataset(
    name="ucf101",
    title="UCF101",
    citation="Soomro, Zamir, Shah: UCF101: A dataset of 101 human actions classes from videos in the wild, 2012",
    terms="for research; cite the report",
    published_by="the Center for Research in Computer Vision of the University of Central Florida, UCF101.rar",
    # The group is who (and where), its clips are views of one event: no two sides share it, nor do fit and held-out.
    patterns={
        "video": re.compile(
            r"(?:^|/)(?P<recording>v_(?P<class>[A-Za-z]+)_g(?P<subject>\d{2})_c(?P<camera>\d{2}))\.(?:avi|mp4)$"
        )
    },
    readers={"video": video.footage},
    # trainlist01 and testlist01 and so on, said in groups: seven of them test.
    subjects={
        "groups1": SubjectProtocol("subject", _GROUPS - frozenset(range(1, 8))),
        "groups2": SubjectProtocol("subject", _GROUPS - frozenset(range(8, 15))),
        "groups3": SubjectProtocol("subject", _GROUPS - frozenset(range(15, 22))),
    },
)
