"""AWS's public list prices, on demand and before tax, for what our templates can hold.

Prices move seldom; ``python -m lab cost --live`` says which ones did since ``AS_OF``.
"""

import re
from dataclasses import dataclass

from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

AS_OF = "2026-11-23"
# The columns of the table.
REGIONS = ("us-east-1", "us-east-2", "eu-west-1", "ap-northeast-1")
# Prices follow continents: the column to read for a region that has none of its own.
NEAREST = {
    "us": "us-east-1",
    "ca": "us-east-1",
    "mx": "us-east-1",
    "sa": "us-east-1",
    "eu": "eu-west-1",
    "il": "eu-west-1",
    "me": "eu-west-1",
    "af": "eu-west-1",
    "ap": "ap-northeast-1",
}
FREE_TRANSFER_OUT_GB = 100  # a month and account, for good: https://aws.amazon.com/ec2/pricing/on-demand/

EC2 = "https://aws.amazon.com/ec2/pricing/on-demand/"
EBS = "https://aws.amazon.com/ebs/pricing/"
VPC = "https://aws.amazon.com/vpc/pricing/"
S3 = "https://aws.amazon.com/s3/pricing/"
CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"


@dataclass(frozen=True)
class Price:
    """A row of the table: USD for one ``unit`` in each of REGIONS, before volume discounts begin.

    ``service``, ``usage_type`` (without a region's prefix) and ``operation`` find the row in AWS's Price List, which
    quotes one ``per``-th of our unit.
    """

    unit: str
    usd: tuple[float, float, float, float]
    source: str
    service: str
    usage_type: str
    operation: str = ""
    per: int = 1

    def in_region(self, region: str) -> float:
        """Return USD for one unit in one of REGIONS."""
        return self.usd[REGIONS.index(region)]


# An archive has the name of its storage class in templates; moving objects there is a request for each.
PRICES = {
    "nat": Price(N_("hour"), (0.045, 0.045, 0.048, 0.062), VPC, "AmazonEC2", "NatGateway-Hours"),
    "nat-gb": Price("GB", (0.045, 0.045, 0.048, 0.062), VPC, "AmazonEC2", "NatGateway-Bytes"),
    "ipv4": Price(N_("hour"), (0.005, 0.005, 0.005, 0.005), VPC, "AmazonVPC", "PublicIPv4:InUseAddress"),
    "gp3": Price("GB", (0.08, 0.08, 0.088, 0.096), EBS, "AmazonEC2", "EBS:VolumeUsage.gp3"),
    "out": Price("GB", (0.09, 0.09, 0.09, 0.114), EC2, "AWSDataTransfer", "DataTransfer-Out-Bytes"),
    "metric": Price(N_("metric"), (0.3, 0.3, 0.3, 0.3), CLOUDWATCH, "AmazonCloudWatch", "CW:MetricMonitorUsage"),
    "logs-to-s3": Price("GB", (0.25, 0.25, 0.285, 0.38), CLOUDWATCH, "AmazonCloudWatch", "S3-Egress-Bytes"),
    "s3": Price("GB", (0.023, 0.023, 0.023, 0.025), S3, "AmazonS3", "TimedStorage-ByteHrs"),
    "put": Price(N_("1,000 requests"), (0.005, 0.005, 0.005, 0.0047), S3, "AmazonS3", "Requests-Tier1", per=1_000),
    "get": Price(N_("10,000 requests"), (0.004, 0.004, 0.004, 0.0037), S3, "AmazonS3", "Requests-Tier2", per=10_000),
    "GLACIER": Price("GB", (0.0036, 0.0036, 0.0036, 0.0045), S3, "AmazonS3", "TimedStorage-GlacierByteHrs"),
    "to-GLACIER": Price(
        N_("1,000 objects"),
        (0.03, 0.03, 0.033, 0.03426),
        S3,
        "AmazonS3",
        "Requests-Tier3",
        "S3-GlacierTransition",
        1_000,
    ),
}
# USD an hour for Linux in Virginia and Ohio, Ireland, Tokyo.
HOURLY = {
    "t2.nano": (0.0058, 0.0063, 0.0076),
    "t2.micro": (0.0116, 0.0126, 0.0152),
    "t2.small": (0.023, 0.025, 0.0304),
    "t2.medium": (0.0464, 0.05, 0.0608),
    "t2.large": (0.0928, 0.1008, 0.1216),
    "t2.xlarge": (0.1856, 0.2016, 0.2432),
    "t2.2xlarge": (0.3712, 0.4032, 0.4864),
    "t3.nano": (0.0052, 0.0057, 0.0068),
    "t3.micro": (0.0104, 0.0114, 0.0136),
    "t3.small": (0.0208, 0.0228, 0.0272),
    "t3.medium": (0.0416, 0.0456, 0.0544),
    "t3.large": (0.0832, 0.0912, 0.1088),
    "t3.xlarge": (0.1664, 0.1824, 0.2176),
    "t3.2xlarge": (0.3328, 0.3648, 0.4352),
    "t3a.nano": (0.0047, 0.0051, 0.0061),
    "t3a.micro": (0.0094, 0.0102, 0.0122),
    "t3a.small": (0.0188, 0.0204, 0.0245),
    "t3a.medium": (0.0376, 0.0408, 0.049),
    "t3a.large": (0.0752, 0.0816, 0.0979),
    "t3a.xlarge": (0.1504, 0.1632, 0.1958),
    "t3a.2xlarge": (0.3008, 0.3264, 0.3917),
    "t4g.nano": (0.0042, 0.0046, 0.0054),
    "t4g.micro": (0.0084, 0.0092, 0.0108),
    "t4g.small": (0.0168, 0.0184, 0.0216),
    "t4g.medium": (0.0336, 0.0368, 0.0432),
    "t4g.large": (0.0672, 0.0736, 0.0864),
    "t4g.xlarge": (0.1344, 0.1472, 0.1728),
    "t4g.2xlarge": (0.2688, 0.2944, 0.3456),
}
INSTANCES = {
    name: Price(N_("hour"), (usd[0], *usd), EC2, "AmazonEC2", f"BoxUsage:{name}", "RunInstances")
    for name, usd in HOURLY.items()
}


def priced_region(region: str) -> str:
    """Return the one of REGIONS whose prices stand for those of ``region``: itself, or the nearest.

    Raises ProblemError for what is no region, and for China's, which are billed in yuan.
    """
    if region in REGIONS:
        return region
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region) or region[:2] not in NEAREST:
        raise ProblemError(
            _("There are no prices for {region!r}. Try one of {regions}, or a region near them").format(
                region=region, regions=", ".join(REGIONS)
            )
        )
    return NEAREST[region[:2]]
