"""Unseen: zero-shot action recognition across video, skeleton, depth and thermal, as one DVC pipeline."""
