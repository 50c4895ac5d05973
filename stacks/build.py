"""Which stacks the settings become."""

from aws_cdk import App

from stacks.budget_stack import BudgetStack
from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings


def build(app: App, settings: Settings) -> None:
    """Add LearningStack, a LearningStack-NAME for each learner, tagged ``Learner``, OperatorsStack and BudgetStack.

    BudgetStack only when a budget is set: a stack without resources is none.
    """
    LearningStack(app, "LearningStack", settings=settings)
    for name, theirs in settings.of_learners().items():
        LearningStack(app, f"LearningStack-{name}", settings=theirs).add_stack_tag("Learner", name)
    OperatorsStack(app, "OperatorsStack", settings=settings)
    if settings.monthly_budget_usd:
        BudgetStack(app, "BudgetStack", settings=settings)
