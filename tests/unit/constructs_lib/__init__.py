"""Each construct used alone, in a stack that is not ours."""
