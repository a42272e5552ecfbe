"""Semantic transfer (ResT 3.3, D.2): unseen classes composed of related seen ones. Functions of vectors, without torch.

`relatedness` finds candidate pairs of unseen and seen classes, `program` chooses among them (`closed_form` and `dual`
prove that the choice is optimal, `side_constraints` adds constraints), `prototypes` composes unseen classes from it and
`explain` says why. `inference` and `recognise` score clips; `folds` selects the setting on seen classes. `params` is
what a row may set.
"""
