"""The primer, chapter by chapter: the guide and its exercises."""
