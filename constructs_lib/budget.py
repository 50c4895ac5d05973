"""Chapter 6 of the primer, what it costs: a mail before the bill."""

from aws_cdk import aws_budgets as budgets
from constructs import Construct


class Budget(Construct):
    """Mails ``email`` when this month's cost passes 50 and 100 % of ``monthly_usd`` USD.

    It counts the whole account: to count one project alone, its tag would have to be activated for cost allocation
    first, by hand, in the account that pays. It is free, as any budget without actions.

    ``monthly_usd`` is in whole USD; neither it nor ``email`` has a default.

    Limits: it stops nothing. AWS brings the cost up to date up to three times a day, 8 to 12 hours apart: a mail comes
    that much late. Another address replaces the budget.

    Sources: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html,
    https://aws.amazon.com/aws-cost-management/aws-budgets/pricing/
    """

    def __init__(self, scope: Construct, construct_id: str, *, monthly_usd: int, email: str) -> None:
        super().__init__(scope, construct_id)
        self.budget = budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=monthly_usd, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type="ACTUAL", comparison_operator="GREATER_THAN", threshold=percent
                    ),
                    subscribers=[budgets.CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=email)],
                )
                for percent in (50, 100)
            ],
        )
