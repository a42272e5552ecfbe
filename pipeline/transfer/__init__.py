"""Semantic transfer: which seen classes make up an unseen one (ResT 3.3, D.2). Functions of vectors; no torch."""
