"""ResT (Lin et al., CVPR 2022): a frame CNN, and a transformer over frames and a class name's words; docs/rest.md."""
