"""Reporting: the outputs of the stages -> self-contained HTML pages, written as HTML and SVG.

`synthesize`, `samples` (of negate, with `leak`), `pretrain`, `bind`, `align`, `transfer` (with `transfer_figures`),
`compare` (with `compare_examples`) and `retrieve` (with `retrieve_examples`, which draws by `clip_strips`) make the
page of a stage's row, the others the report: `charts`, `scatter`, `heat_maps` and `bipartite` draw what pages hold,
`dag` (with `dag_routes`) draws the pipeline, `result_tables` (with `result_cells` and `published`) fill the tables
of params, `gallery` shows clips with the answers that they got. Pages have no network access and no time of day: the
same inputs give the same bytes. Their one script orders tables. Text from outside is always escaped.
"""
