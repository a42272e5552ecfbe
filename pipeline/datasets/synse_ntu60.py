"""SynSE's features of NTU RGB+D 60: vectors of a Shift-GCN trained on the seen classes of each split."""

import re

from pipeline.datasets.shared import Dataset

DATASET = Dataset(
    name="synse_ntu60",
    title="SynSE's Shift-GCN features of NTU RGB+D 60",
    citation="Gupta, Sharma, Sarvadevabhatla: Syntactically guided generative embeddings for zero-shot skeleton action "
    "recognition, ICIP 2021",
    terms="those of NTU RGB+D: academic research, no redistribution",
    published_by="the authors of SynSE, archive 'synse_resources', folder `ntu_results`",
    class_base=0,
    patterns={"skeleton": re.compile(r"^shift_(?:5|12)_r/(?:train|ztest|gtest|train_label|[zg]_label)\.npy$")},
    readers={},
    subjects={},
    vectors={"synse_5": "shift_5_r", "synse_12": "shift_12_r"},
)
