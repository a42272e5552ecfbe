"""What source folders hold: clips (`listing`, `vectors`, `decoding`), and pictures with sentences (`pairs`); and what
bind left: the vectors of all senses (`spaces`).
"""
