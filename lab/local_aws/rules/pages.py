"""Pages of EC2's lists: how many items one may ask for."""

from functools import lru_cache
from typing import Any

import botocore.session

from lab.local_aws.rules.rule import Asked, rule

PAGES = "https://github.com/aws/aws-sdk-ruby/pull/2575"
ANY = 10**9  # some lists take more than they give


@lru_cache
def _bounds(action: str) -> tuple[int, int]:
    """Return what EC2's own published model, the one that botocore carries, says of MaxResults."""
    model: Any = botocore.session.get_session().get_service_model("ec2")
    if action not in model.operation_names:
        return 0, ANY
    member = model.operation_model(action).input_shape.members.get("MaxResults")
    about = member.metadata if member else {}
    least = 5 if action == "DescribeInstances" else 1  # as it does not say
    return int(about.get("min", least)), int(about.get("max", ANY))


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
