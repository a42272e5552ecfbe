"""Semantic transfer: which seen classes make up an unseen one (ResT 3.3 and D.2). Pure functions of vectors; no torch."""
