"""The deploy that waits for the bastion's first boot: CloudFormation's creation policy of an instance, as AWS has it.

What a signal needs, and which are refused, is AWS's documentation of SignalResource and of CreationPolicy; what happens
to one that names something else than the instance (an answer of 200, and a deploy that waits on) was reported in
https://github.com/aws/aws-cli/issues/7133, and the words for one that comes late or twice in
https://github.com/zalando-incubator/kubernetes-on-aws/issues/538 and
https://github.com/kubernetes-retired/kube-aws/pull/1274.

Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.rehearsal import signature

ANSWER = b"<SignalResourceResponse><ResponseMetadata/></SignalResourceResponse>"
STATUSES = ("SUCCESS", "FAILURE")
MAX_UNIQUE_ID = 64


@dataclass
class Deploy:
    """A stack whose instance is just being made; it began when this object did.

    ``seconds`` is the policy's time-out. Once it has heard a success, it goes on: ``associates`` seconds later the
    instance has its Elastic IP, which ``elastic_ip`` in the file ``address`` says.
    """

    stack_name: str
    stack_id: str
    logical_id: str
    instance_id: str
    seconds: float
    address: str
    elastic_ip: str
    associates: float
    state: str = "CREATE_IN_PROGRESS"
    _signals: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def signal(self, call: Mapping[str, str]) -> bool:
        """Take a signal; return whether it counts. Raises AwsError as CloudFormation does."""
        with self._lock:
            self._check(call)
            unique_id, status = call["UniqueId"], call["Status"]
            if unique_id in self._signals and status == "SUCCESS":
                raise _invalid(f"Signal with ID {unique_id} for resource {self.logical_id} already exists.")
            self._signals[unique_id] = status
            if unique_id != self.instance_id:
                return False  # it is taken, and the deploy waits on
            self.state = "CREATE_COMPLETE" if status == "SUCCESS" else "ROLLBACK_IN_PROGRESS"
        if status == "SUCCESS":
            threading.Timer(self.associates, self._associate).start()
        return True

    def _check(self, call: Mapping[str, str]) -> None:
        for name in ("StackName", "LogicalResourceId", "UniqueId", "Status"):
            if not call.get(name):
                raise _invalid(f"{name} is required")
        if call["Status"] not in STATUSES or len(call["UniqueId"]) > MAX_UNIQUE_ID:
            raise _invalid("1 validation error detected")
        if call["StackName"] not in (self.stack_name, self.stack_id):
            raise _invalid(f"Stack [{call['StackName']}] does not exist")
        if call["LogicalResourceId"] != self.logical_id:
            raise _invalid(f"Resource {call['LogicalResourceId']} does not exist for stack {self.stack_name}")
        if self.state == "CREATE_IN_PROGRESS" and time.monotonic() - self._began > self.seconds:
            self.state = "ROLLBACK_IN_PROGRESS"  # Failed to receive 1 resource signal(s) within the specified duration
        if self.state != "CREATE_IN_PROGRESS":
            raise _invalid(f"Stack {self.stack_id} is in {self.state} state and cannot be signaled")

    def _associate(self) -> None:
        Path(self.address).write_text(self.elastic_ip)


def _invalid(message: str) -> signature.AwsError:
    return signature.AwsError(400, "ValidationError", message)
