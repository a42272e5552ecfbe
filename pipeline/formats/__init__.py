"""Bytes to arrays and back, as recorded: one file per format of the outside world. No torch here."""
