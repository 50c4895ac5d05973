"""What turns settings into stacks."""
