"""Which stacks the settings become."""

from aws_cdk import App

from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings


def build(app: App, settings: Settings) -> None:
    """Add LearningStack, a LearningStack-NAME for each learner, tagged ``Learner``, and OperatorsStack."""
    LearningStack(app, "LearningStack", settings=settings)
    for name, theirs in settings.of_learners().items():
        LearningStack(app, f"LearningStack-{name}", settings=theirs).add_stack_tag("Learner", name)
    OperatorsStack(app, "OperatorsStack", settings=settings)
