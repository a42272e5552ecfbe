"""Reporting: what the stages left -> self-contained HTML pages, drawn by hand in HTML and SVG.

`synthesize`, `samples` (of negate, with `leak`), `pretrain`, `bind`, `align`, `transfer` (with `transfer_figures`),
`compare` (with `compare_examples`) and `retrieve` (with `retrieve_examples`, which draws by `clip_strips`) make the
page of a stage's row, the others the report: `result_tables` (with `result_cells` and `published`) fill the tables
that params ask for. No script, no network, no time of day: the same inputs give the same bytes. Text from outside is
always escaped.
"""
