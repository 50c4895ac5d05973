"""AWS's own check of templates, at every synth: schemas of all resource types, and rules between properties."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from gettext import gettext as _
from pathlib import Path

from cloudformation_validate import CompositeEngine, RuleFilterConfig, Severity, ValidateConfig

# What the CDK leaves out too, when it runs this engine: false alarms on what a CDK app writes.
NOT_FOR_CDK_APPS = ["W3005", "W1020", "E1018", "W9002", "W9013", "W1103"]

# What CloudFormation takes inline: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
# The CDK CLI sends YAML, which is at most so much longer than the JSON on the disk.
INLINE_LIMIT, YAML_OF_JSON = 51_200, 1.17


class Validation:
    """The engine that the CDK runs as WebAssembly, here native and in this process.

    It gets ready in a thread of its own (0.3 s), while the CDK makes the templates; a template takes 15 ms then.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor()
        self._engine = self._threads.submit(CompositeEngine)

    def findings(self, templates: Iterable[Path]) -> list[str]:
        """Return a line for each error, with the resource and the property."""
        engine = self._engine.result()
        config = ValidateConfig(severity_level=Severity.ERROR, exclude=RuleFilterConfig(ids=NOT_FOR_CDK_APPS))

        def look(template: Path) -> list[str]:
            return [
                f"{found.entity.logical_id if found.entity else template.name} {found.property_path or ''}: "
                f"{found.message} ({found.rule_id})"
                for found in engine.validate_template(template, config).diagnostics
            ]

        return [line for lines in self._threads.map(look, templates) for line in lines]


def too_long(templates: Iterable[Path]) -> list[str]:
    """Return a line for each template that may be too long to be deployed with no bucket, with the way out."""
    return [
        _(
            "{stack} is about {size:,.0f} bytes long, and CloudFormation takes {limit:,} "
            "with no bucket. Run once, for your account and region: cdk bootstrap. Then the CDK "
            "uploads it by itself."
        ).format(stack=template.name.partition(".")[0], size=size, limit=INLINE_LIMIT)
        for template in templates
        if (size := YAML_OF_JSON * template.stat().st_size) > INLINE_LIMIT
    ]
