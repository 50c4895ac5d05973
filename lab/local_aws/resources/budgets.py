"""Budgets, whose resource type ministack lacks. None acts here: no mail is sent."""

from typing import ClassVar

from ministack.core.responses import get_account_id

from lab.local_aws.provider import TAG, Made, Properties, Provider, Schema, aws, unless


class Budget(Provider):
    """A budget, with a name made up. ``Ref`` is its name."""

    type_name = "AWS::Budgets::Budget"
    schema: ClassVar[Schema] = {
        "Budget": {"BudgetLimit": {"Amount": {}, "Unit": {}}, "BudgetType": {}, "TimeUnit": {}},
        "NotificationsWithSubscribers": {
            "Notification": {"ComparisonOperator": {}, "NotificationType": {}, "Threshold": {}},
            "Subscribers": {"Address": {}, "SubscriptionType": {}},
        },
        "ResourceTags": TAG,
    }
    create_only = ("NotificationsWithSubscribers",)
    name_property = "BudgetName"
    id_attribute = "Id"

    def create(self, properties: Properties) -> Made:
        name = properties["BudgetName"]
        aws("budgets").create_budget(
            AccountId=get_account_id(),
            Budget=_budget(name, properties),
            NotificationsWithSubscribers=properties.get("NotificationsWithSubscribers", []),
            ResourceTags=properties.get("ResourceTags", []),
        )
        return self.made(name)

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        account, budgets = get_account_id(), aws("budgets")
        budgets.update_budget(AccountId=account, NewBudget=_budget(physical_id, new))
        arn = f"arn:aws:budgets::{account}:budget/{physical_id}"
        tags = new.get("ResourceTags", [])
        kept = {tag["Key"] for tag in tags}
        if removed := [tag["Key"] for tag in old.get("ResourceTags", []) if tag["Key"] not in kept]:
            budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=removed)
        if tags:
            budgets.tag_resource(ResourceARN=arn, ResourceTags=tags)
        return self.made(physical_id)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        with unless("NotFoundException"):
            aws("budgets").delete_budget(AccountId=get_account_id(), BudgetName=physical_id)


def _budget(name: str, properties: Properties) -> Properties:
    """Return a template's budget as the API wants it: with its name, and amounts as text."""
    budget: Properties = properties["Budget"]
    limit = budget["BudgetLimit"]
    return budget | {"BudgetName": name, "BudgetLimit": limit | {"Amount": str(limit["Amount"])}}
