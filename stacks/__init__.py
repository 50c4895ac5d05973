"""The settings that a learner chooses, and the stacks that they turn into."""
