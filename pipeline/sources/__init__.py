"""A dataset's source folder: which clips it holds (`listing`, `vectors`) and what they look like (`decoding`)."""
