// What bench/synth.py measures against: the CDK's own constructs for the same things, with their defaults.
const { App, Stack } = require("aws-cdk-lib");
const { BastionHostLinux, Vpc } = require("aws-cdk-lib/aws-ec2");
const { Bucket } = require("aws-cdk-lib/aws-s3");

const app = new App();
const stack = new Stack(app, "LearningStack");
new BastionHostLinux(stack, "Bastion", { vpc: new Vpc(stack, "Vpc") });
new Bucket(stack, "Bucket");
app.synth();
