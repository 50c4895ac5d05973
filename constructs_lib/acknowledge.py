"""Findings of security scanners that stay, each with its reason."""

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, Sequence[str]]) -> None:
    """Record for which reasons the findings of some rules on ``construct`` hold no risk here, or are worth it.

    Each reason stands before its rules. Rules have the names that the CDK's ``Validations`` gives them; checkov's have
    their ids, and cloudsplaining's begin with its name. What a fix would cost stands in the reason, as "2.10 USD a
    month".
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=rule, reason=reason) for reason, rules in reasons.items() for rule in rules)
    )


def in_each_pack(rule: str) -> list[str]:
    """Return the name of a rule that cdk-nag's packs for HIPAA, NIST 800-53 and PCI DSS share, in each of them."""
    return [f"{pack}-{rule}" for pack in ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")]


def control_tower(rule: str) -> str:
    """Return the name of a rule of AWS Control Tower, as cdk-validator-cfnguard has it."""
    return f"cdk-validator-cfnguard::{rule}"
