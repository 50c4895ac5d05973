"""Chapter 4 of the primer: people, their group, and what it may do."""

from typing import cast

from aws_cdk import CfnOutput, LegacyStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.operators import Operators
from stacks.learning_stack import TAGS
from stacks.settings import Settings


class OperatorsStack(Stack):
    """Users who may view EC2, and start and stop the bastion (primer, chapter 4). Deployed only when asked for."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=LegacyStackSynthesizer(),
            description="The AWS primer for beginners: a group of users who may start and stop the bastion",
            tags=TAGS,
        )
        operators = Operators(
            self,
            "Operators",
            user_names=settings.operators,
            # What LearningStack's bastion carries; nothing else ties the two stacks together.
            instance_tags={**TAGS, "Role": "bastion"},
        )
        group = cast("iam.CfnGroup", operators.group.node.default_child)
        group.add_metadata("Settings", settings.in_words("OperatorsStack"))
        CfnOutput(self, "GroupName", value=operators.group.group_name, description="The group of the operators")
