"""One thin file per stage: options in, typed params read, one call of a step, one path out."""
