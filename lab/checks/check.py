"""What a check is: a claim of the primer, and its proof.

A check states a claim and proves it by looking at AWS through boto3. Both sides are lists of facts in plain words: what
the primer's design and the chosen settings promise, and what AWS has. The claim holds when they are equal, in whatever
order. A check takes no promise from the template, which may be wrong: it finds resources by their Name tags there. (One
check alone compares AWS with the template: that of drift.)
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.template.deployed import Deployed

Facts = list[str]
Prove = Callable[[Deployed], tuple[Facts, Facts]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A claim of a chapter, as the catalogue of texts has it, the AWS CLI command that shows it, and its proof.

    ``field`` names what of the command's answer to look at; nothing where that is all of it. In ``command``, names in
    braces are outputs of the stack, ``AccountId``, or a type, such as ``Budget``, for the id of the stack's own.
    ``when`` says whether a stack makes the claim at all.
    """

    id: str
    chapter: str
    claim: str
    command: str
    field: str = ""
    prove: Prove
    when: Callable[[Deployed], bool] = lambda _: True


@dataclass(frozen=True)
class Verdict:
    """What came of a check: ``missing`` was expected and not found, ``surplus`` was found and not expected.

    ``command`` is the check's, with the stack's own ids.
    """

    check: Check
    missing: Facts
    surplus: Facts
    command: str

    @property
    def holds(self) -> bool:
        return not self.missing and not self.surplus


CHECKS: dict[str, list[Check]] = {"LearningStack": [], "OperatorsStack": [], "BudgetStack": []}


def check(
    chapter: str,
    claim: str,
    command: str,
    *,
    field: str = "",
    stack: str = "LearningStack",
    when: Callable[[Deployed], bool] = Check.when,
) -> Callable[[Prove], Prove]:
    """Register the decorated function as the proof of ``claim``; its name, with hyphens, is the check's id."""

    def register(prove: Prove) -> Prove:
        CHECKS[stack].append(
            Check(
                id=prove.__name__.replace("_", "-"),
                chapter=chapter,
                claim=claim,
                command=command,
                field=field,
                prove=prove,
                when=when,
            )
        )
        return prove

    return register
