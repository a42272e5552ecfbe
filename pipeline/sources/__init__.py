"""What source folders hold: clips (`listing`, `vectors`, `decoding`), and pictures with sentences (`pairs`)."""
