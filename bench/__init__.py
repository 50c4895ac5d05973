"""Measured comparisons: how fast the mount is, and how soon it is there. The results are in RESULTS.md."""
