"""The learner's command line: reads templates and talks to AWS. Never imports aws_cdk, stacks or constructs_lib."""
