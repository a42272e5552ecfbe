"""Reporting: what the stages left -> self-contained HTML pages, drawn by hand in HTML and SVG.

No script, no network, no time of day: the same inputs give the same bytes. Text from outside is always escaped.
"""
