"""LearningStack: settings in, CloudFormation templates out."""

import sys

import aws_cdk as cdk

from stacks.learning_stack import LearningStack
from stacks.operators_stack import OperatorsStack
from stacks.settings import Settings, SettingsError

app = cdk.App()
try:
    settings = Settings.from_context(app.node.get_all_context())
except SettingsError as error:
    sys.exit(str(error))
cdk.Tags.of(app).add("Project", "LearningStack")
LearningStack(app, "LearningStack", settings=settings)
OperatorsStack(app, "OperatorsStack", settings=settings)
app.synth()
