"""LearningStack: settings in, CloudFormation templates out."""

import json
import os
import sys
from pathlib import Path

import aws_cdk as cdk

from lab.cost.bill import idle_cost_line
from lab.terminal.language import default_region, settle
from lab.terminal.problem import ProblemError
from stacks.build import build
from stacks.settings import Settings, SettingsError
from stacks.validation import Validation, too_long

try:
    settle()
except ProblemError as error:
    sys.exit(str(error))
validation = Validation()
# Ours in place of the CDK's own, which is the same engine: 1.3 s less.
app = cdk.App(builtin_cloud_formation_validation=False)
# What is null in cdk.json gets lost on its way through the CDK: it stands only in what the CLI hands over.
context = {**json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}")), **app.node.get_all_context()}
try:
    settings = Settings.from_context(context)
except SettingsError as error:
    sys.exit(str(error))
build(app, settings)
assembly = app.synth()
templates = [Path(stack.template_full_path) for stack in assembly.stacks]
if findings := validation.findings(templates):
    sys.exit("\n".join(findings))
sys.stderr.writelines(f"{line}\n" for line in too_long(templates))

# The most common surprise about stacks like this one is a bill for idle NAT gateways.
template = json.loads(Path(assembly.directory, "LearningStack.template.json").read_text())
region = os.environ.get("CDK_DEFAULT_REGION") or default_region()
sys.stderr.write(idle_cost_line(template, region, learners=len(settings.learners)) + "\n")
