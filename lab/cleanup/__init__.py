"""What a destroy leaves behind, what it costs, and its removal."""

NO_STACK = "none"  # what stands for a stack where no stack made a thing
