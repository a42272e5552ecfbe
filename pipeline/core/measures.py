"""The measured movements: numbers that a skeleton shows and a sentence tells, under one name for both.

Of a sided one, such as "arm moves", there are two: the greater of both sides, and how far the right exceeds the left.
"""

SIDED = (
    "arm moves",
    "arm fast",
    "arm high",
    "arm low",
    "arm vertical",
    "arm lateral",
    "arm sagittal",
    "arm across",
    "arm near head",
    "arm far",
    "leg moves",
    "leg bent",
    "leg raised",
)
UNSIDED = (
    "arms both",
    "arms in turn",
    "legs both",
    "legs in turn",
    "hand clockwise",
    "hand to the left",
    "body rises",
    "body low",
    "trunk leans",
    "travels",
    "jumps",
    "repeated",
)
OF_SIDE = ": right over left"  # how the second of a sided measure is called
MEASURES = (*SIDED, *(f"{name}{OF_SIDE}" for name in SIDED), *UNSIDED)
