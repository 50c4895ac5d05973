"""A class: who may do what in whose stack."""

from aws_cdk import CfnOutput, LegacyStackSynthesizer, Stack
from constructs import Construct

from constructs_lib.learners import Learners
from stacks.learning_stack import TAGS
from stacks.settings import Settings


class ClassStack(Stack):
    """A user ``learner-NAME`` for each learner, who may change LearningStack-NAME alone (primer, chapter 4).

    Synthesised only for a class.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=LegacyStackSynthesizer(),
            description="The AWS primer for beginners: a user for each learner of a class",
            tags=TAGS,
        )
        bucket = settings.bucket_name or "learningstack"
        learners = Learners(
            self,
            "Learners",
            learners=settings.learners,
            stack_name="LearningStack-{learner}",
            # CloudFormation makes a bucket's name of the stack's, in small letters, and more.
            bucket_name=bucket + ("-{learner}" if settings.bucket_name else "-{learner}-*"),
            role_name=settings.role_name + "-{learner}",
        )
        CfnOutput(self, "GroupName", value=learners.group.group_name, description="The group of the learners")
