"""AWS's own check of templates, at every synth: schemas of all resource types, and rules between properties."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloudformation_validate import CompositeEngine, RuleFilterConfig, Severity, ValidateConfig

# What the CDK leaves out too, when it runs this engine: false alarms on what a CDK app writes.
NOT_FOR_CDK_APPS = ["W3005", "W1020", "E1018", "W9002", "W9013", "W1103"]


class Validation:
    """The engine that the CDK runs as WebAssembly, here native and in this process.

    It gets ready in a thread of its own (0.3 s), while the CDK makes the templates.
    """

    def __init__(self) -> None:
        self._engine = ThreadPoolExecutor(max_workers=1).submit(CompositeEngine)

    def findings(self, templates: Iterable[Path]) -> list[str]:
        """Return a line for each error, with the resource and the property."""
        config = ValidateConfig(severity_level=Severity.ERROR, exclude=RuleFilterConfig(ids=NOT_FOR_CDK_APPS))
        return [
            f"{found.entity.logical_id if found.entity else template.name} {found.property_path or ''}: {found.message}"
            f" ({found.rule_id})"
            for template in templates
            for found in self._engine.result().validate_template(template, config).diagnostics
        ]
