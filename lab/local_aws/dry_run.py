"""``--dry-run`` asks EC2 whether something is allowed, and changes nothing. ministack does it all the same.

By the time that EC2 is asked, IAM has refused who may not. AWS's answer to all others is an error, too. It comes before
the rules about what is asked.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html
"""

from collections.abc import Mapping

from ministack import app
from ministack.services import ec2

from lab.local_aws.rules import gate  # noqa: F401  # the rules stand behind this
from lab.local_aws.wire import Answer, asked

_ministacks = app.SERVICE_HANDLERS["ec2"]


async def handle_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Answer:
    given = asked(query, body)
    if given.get("DryRun", [""])[0].lower() == "true" and given.get("Action", [""])[0] in ec2._ACTION_MAP:
        message = "Request would have succeeded, but DryRun flag is set."
        refused: Answer = ec2._error("DryRunOperation", message, 412)
        return refused
    answer: Answer = await _ministacks(method, path, headers, body, query)
    return answer


app.SERVICE_HANDLERS["ec2"] = handle_request
