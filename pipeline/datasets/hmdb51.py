"""HMDB51: 51 actions from films, a folder a class; three official splits, 70 clips a class train and 30 test."""

import re

from pipeline.datasets.shared import Dataset, OwnList
from pipeline.formats import hmdb, video

DATASET = Dataset(
    name="hmdb51",
    title="HMDB51",
    citation="Kuehne, Jhuang, Garrote, Poggio, Serre: HMDB: A large video database for human motion recognition, "
    "ICCV 2011",
    terms="CC BY 4.0; the films belong to their owners",
    published_by="the Serre Lab of Brown University, hmdb51_org.rar and test_train_splits.rar",
    patterns={"video": re.compile(r"(?:^|/)(?P<class>[a-z_]+)/(?P<recording>[^/]+)\.(?:avi|mp4)$")},
    readers={"video": video.footage},
    subjects={
        f"list{number}": OwnList(re.compile(rf"_test_split{number}\.txt$"), hmdb.read_sides) for number in (1, 2, 3)
    },
)
