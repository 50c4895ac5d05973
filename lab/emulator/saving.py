"""Save the state when a stack operation has ended, too: ministack saves only when it is stopped.

So a crash does not lose a deploy. A stack that is gone while the files of its buckets remain is hard to understand.
"""

import asyncio
from typing import Any

from ministack import app
from ministack.core.persistence import save_all
from ministack.services.cloudformation import stacks

ENDINGS = ("_COMPLETE", "_FAILED")


def save() -> None:
    save_all(app._build_persistence_save_dict())


def after_each_stack_operation() -> None:
    ministacks = stacks._add_event

    def add_event(
        stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, *rest: Any, **more: Any
    ) -> None:
        ministacks(stack_id, stack_name, logical_id, resource_type, status, *rest, **more)
        if resource_type == "AWS::CloudFormation::Stack" and logical_id == stack_name and status.endswith(ENDINGS):
            # Only when the operation gives way: it may change the stack once more after its last event.
            asyncio.get_running_loop().call_soon(save)

    stacks._add_event = add_event
