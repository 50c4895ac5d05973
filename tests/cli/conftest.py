"""The local AWS that some commands talk to."""

from tests.local_aws.server import local_aws

__all__ = ["local_aws"]
