"""One declarative file a dataset: where its clips lie, how files are named, who performs, how it is split.

`core.members.load("pipeline.datasets", name).DATASET`; class lists and published splits stand in the subfolders.
"""
