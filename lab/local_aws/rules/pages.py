"""Pages of EC2's lists, how many items one may ask for, and how often one may ask."""

import time
from functools import lru_cache
from typing import Any

import botocore.session
from ministack.core.responses import get_account_id

from lab.local_aws.rules.quotas import quota
from lab.local_aws.rules.rule import Asked, rule

PAGES = "https://github.com/aws/aws-sdk-ruby/pull/2575"
ANY = 10**9  # some lists take more than they give


@lru_cache
def _model() -> Any:
    """Return EC2's own published model, the one that botocore carries: reading it takes a while."""
    return botocore.session.get_session().get_service_model("ec2")


@lru_cache
def _bounds(action: str) -> tuple[int, int]:
    """Return what EC2's model says of MaxResults."""
    if action not in _model().operation_names:
        return 0, ANY
    member = _model().operation_model(action).input_shape.members.get("MaxResults")
    about = member.metadata if member else {}
    least = 5 if action == "DescribeInstances" else 1  # as it does not say
    return int(about.get("min", least)), int(about.get("max", ANY))


@lru_cache
def comes_in_pages(action: str) -> bool:
    """Return whether EC2's model knows a next page of a list."""
    model = _model()
    return action in model.operation_names and "NextToken" in model.operation_model(action).output_shape.members


@rule("ec2.max-results", "*", code="InvalidParameterValue", source=PAGES)
def _max_results(asked: Asked) -> str | None:
    if "MaxResults" not in asked:
        return None
    wanted, (least, most) = str(asked["MaxResults"]), _bounds(str(asked.get("Action", "")))
    if wanted.isdecimal() and least <= int(wanted) <= most:
        return None
    return f"Value ( {wanted} ) for parameter maxResults is invalid. Expecting a value from {least} to {most}."


@rule(
    "ec2.ids-or-pages",
    "DescribeInstances",
    code="InvalidParameterCombination",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html",
)
def _ids_or_pages(asked: Asked) -> str | None:
    wrong = "MaxResults" in asked and "InstanceId" in asked
    return "The parameter instancesSet cannot be used with the parameter maxResults" if wrong else None


# Of each account: the requests that it still has, and when that was counted.
_left: dict[str, tuple[float, float]] = {}


@rule(
    "ec2.requests",
    "*",
    code="RequestLimitExceeded",
    source="https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html",
    status=503,
)
def _requests(asked: Asked) -> str | None:
    """Take a token from the account's bucket; one that is empty fills at the same rate."""
    most, now = quota("requests"), time.monotonic()
    if asked.get("FromCloudFormation"):  # it waits, and asks again
        return None
    left, counted = _left.get(get_account_id(), (float(most), now))
    left = min(most, left + (now - counted) * most)
    _left[get_account_id()] = (max(left - 1, 0) if left >= 1 else left, now)
    return None if left >= 1 else "Request limit exceeded."
