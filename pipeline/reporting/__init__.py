"""Reporting: the outputs of the stages -> self-contained HTML pages, written as HTML and SVG.

`synthesize`, `samples` (of negate, with `leak`), `pretrain`, `bind`, `align`, `transfer` (with `transfer_figures`),
`compare` (with `compare_examples`) and `retrieve` (with `retrieve_examples`, which draws by `clip_strips`) make the
page of a stage's row, the others the report: `result_tables` (with `result_cells` and `published`) fill the tables
of params, `gallery` shows clips with the answers that they got. Pages have no scripts, no network access and no time
of day: the same inputs give the same bytes. Text from outside is always escaped.
"""
