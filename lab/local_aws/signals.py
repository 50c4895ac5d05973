"""The creation policy of an instance: CloudFormation waits for the instance's own signal, and for no other.

ministack has it for wait conditions alone. AWS wants the *instance id* as the unique id of a signal for an instance
(API_SignalResource). One with another id is answered as if all were well, and the deploy waits on, until it fails with
"Failed to receive 1 resource signal(s) within the specified duration" (https://github.com/aws/aws-cli/issues/7133).

Nothing boots here, so an instance with user data is signalled for, by the same call that it would make. One without
would never make it: there the deploy fails, as in AWS, unless somebody else calls in time.
"""

import contextlib
import time
from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, provisioners, wait_conditions

from lab.local_aws import wire
from lab.local_aws.provider import Properties, aws

AGAIN_SECONDS = 0.05
_ministacks = handlers._ACTION_HANDLERS["SignalResource"]
# Which instance is waited for, by its stack's id and its logical id.
_waiting: dict[tuple[str, str], str] = {}
_heard: set[str] = set()


def wait(type_name: str, logical_id: str, properties: Properties, stack: str, instance_id: str) -> None:
    """Wait for the signal of an instance that was just made, if the template has a creation policy for it.

    Raises RuntimeError when it signals a failure, or nothing in time.
    """
    policy = provisioners._cfn_wait_condition_definition(stack, logical_id).get("CreationPolicy", {})
    if "ResourceSignal" not in policy:
        return
    signal = policy["ResourceSignal"]
    count = wait_conditions.validate_count(signal.get("Count"), logical_id)
    seconds = wait_conditions.validate_resource_signal_timeout(signal.get("Timeout"), logical_id)
    stack_id = provisioners._cr_stack_id(stack)
    token, done = wait_conditions.register_slot(stack_id), Event()
    _waiting[stack_id, logical_id] = instance_id
    if "UserData" in properties:
        call = {"StackName": stack, "LogicalResourceId": logical_id, "UniqueId": instance_id, "Status": "SUCCESS"}
        Thread(target=_signal, args=(aws("cloudformation"), call, done), daemon=True).start()
    try:
        wait_conditions.wait_for(token, stack_id, stack, logical_id, type_name, count, seconds)
    except TimeoutError:
        raise RuntimeError(f"Failed to receive {count} resource signal(s) within the specified duration") from None
    except RuntimeError:
        raise RuntimeError(
            f"Received 1 FAILURE signal(s) out of {count}. Unable to satisfy 100% MinSuccessfulInstancesPercent "
            "requirement"
        ) from None
    finally:
        done.set()
        _waiting.pop((stack_id, logical_id), None)
        _heard.discard(instance_id)


def _signal(client: Any, call: dict[str, str], done: Event) -> None:
    while not done.is_set():  # until the wait has begun
        with contextlib.suppress(ClientError):
            client.signal_resource(**call)
            return
        time.sleep(AGAIN_SECONDS)


def signal_resource(params: Mapping[str, Any]) -> wire.Answer:
    said = {name: handlers._p(params, name) for name in ("StackName", "LogicalResourceId", "UniqueId")}
    stack_id = (cloudformation._stacks.get(said["StackName"]) or {}).get("StackId", said["StackName"])
    instance_id = _waiting.get((stack_id, said["LogicalResourceId"]))
    if instance_id and said["UniqueId"] != instance_id:
        answer: wire.Answer = handlers._xml(200, "SignalResourceResponse", "")
    elif instance_id in _heard:
        message = f"Signal with ID {instance_id} for resource {said['LogicalResourceId']} already exists."
        answer = handlers._error("ValidationError", message)
    else:
        answer = _ministacks(params)
        if instance_id and answer[0] < 400:
            _heard.add(instance_id)
    return answer


handlers._ACTION_HANDLERS["SignalResource"] = signal_resource
