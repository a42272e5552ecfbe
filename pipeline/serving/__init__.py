"""A local page over bound encoders, behind `unseen serve`: drop a clip, type labels, see what fits and what is near.

`server` listens, `app` answers, `guard` refuses what comes from other pages, `uploads` takes files within bounds and
`page` is what a browser shows. Files are read by one process of its own (`worker`, which runs `reading`), with bounded
memory and time, so that a damaged file ends nothing but its own request. No module but `answers` imports torch.
"""
