"""LearningStack: settings in, CloudFormation templates out."""

import json
import os
import sys
from pathlib import Path

import aws_cdk as cdk

from lab.cost.bill import idle_cost_line
from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings, SettingsError
from stacks.validation import Validation

validation = Validation()
# Ours in place of the CDK's own, which is the same engine: 1.3 s less.
app = cdk.App(builtin_cloud_formation_validation=False)
try:
    settings = Settings.from_context(app.node.get_all_context())
except SettingsError as error:
    sys.exit(str(error))
learning = LearningStack(app, "LearningStack", settings=settings)
OperatorsStack(app, "OperatorsStack", settings=settings)
assembly = app.synth()
if findings := validation.findings(Path(stack.template_full_path) for stack in assembly.stacks):
    sys.exit("\n".join(findings))

# The most common surprise about stacks like this one is a bill for idle NAT gateways.
template = json.loads(Path(assembly.directory, learning.template_file).read_text())
sys.stderr.write(idle_cost_line(template, os.environ.get("CDK_DEFAULT_REGION", "us-east-1")) + "\n")
