"""The guide: its chapters, what fills them, and the exercises."""
