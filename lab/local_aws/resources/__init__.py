"""A file for each kind of resource: what EC2 answers about it, and its type in CloudFormation."""

import pkgutil
from importlib import import_module


def import_all() -> None:
    """Import each file here, which completes ministack's EC2 and makes the types known to ``provider``."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
