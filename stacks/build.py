"""Which stacks the settings become."""

from aws_cdk import App

from stacks.budget_stack import BudgetStack
from stacks.class_stack import ClassStack
from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings


def build(app: App, settings: Settings) -> None:
    """Add LearningStack, OperatorsStack and BudgetStack; for a class a LearningStack-NAME each, tagged, and ClassStack.

    BudgetStack only when a budget is set: a stack without resources is none.
    """
    LearningStack(app, "LearningStack", settings=settings)
    for name, theirs in settings.of_learners().items():
        LearningStack(app, f"LearningStack-{name}", settings=theirs).add_stack_tag("Learner", name)
    if settings.learners:
        ClassStack(app, "ClassStack", settings=settings)
    OperatorsStack(app, "OperatorsStack", settings=settings)
    if settings.monthly_budget_usd:
        BudgetStack(app, "BudgetStack", settings=settings)
