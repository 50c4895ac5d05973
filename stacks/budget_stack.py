"""Chapter 6 of the primer, what it costs: the budget of the account."""

from aws_cdk import LegacyStackSynthesizer, Stack
from constructs import Construct

from constructs_lib.budget import Budget
from stacks.learning_stack import TAGS
from stacks.settings import Settings


class BudgetStack(Stack):
    """A mail before the bill (primer, chapter 6). There only when ``monthly_budget_usd`` is set.

    Apart from LearningStack, because it counts the whole account, and because it takes rights that an administrator in
    IAM often lacks: what AWS refuses here must not roll a network back.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=LegacyStackSynthesizer(),
            description="The AWS primer for beginners: a mail when the account costs more than you want",
            tags=TAGS,
        )
        budget = Budget(self, "Budget", monthly_usd=settings.monthly_budget_usd, email=settings.alert_email)
        budget.budget.add_metadata("Settings", settings.in_words("BudgetStack"))
