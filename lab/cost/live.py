"""Our price table against AWS's own Price List. Needs credentials that may call ``pricing:GetProducts``; free."""

import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError, NoCredentialsError

from lab.cost.prices import INSTANCES, PRICES, Price
from lab.template.deployed import CONFIG
from lab.terminal.language import N_, _
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_pricing import PricingClient
    from mypy_boto3_pricing.type_defs import FilterTypeDef

# Data transfer is listed by the name of a region.
LOCATIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "eu-west-1": "EU (Ireland)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
}


@dataclass(frozen=True)
class Checked:
    """A row of our table, and what AWS's Price List has for it: several prices, or none, when it is not clear."""

    row: str
    unit: str
    ours: float
    theirs: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """``same``, ``moved`` or ``not found``."""
        if not self.theirs:
            return N_("not found")
        return N_("same") if any(math.isclose(price, self.ours, rel_tol=1e-6) for price in self.theirs) else N_("moved")


def check_prices(region: str, client: "PricingClient | None" = None) -> Iterator[Checked]:
    """Yield each row of the table as AWS lists it for ``region``, one of REGIONS.

    Raises ProblemError without credentials or a network, and in a shell of the local AWS, which has no price list.
    """
    if client is None:
        if os.environ.get("AWS_ENDPOINT_URL"):
            raise ProblemError(
                _("The local AWS has no price list: open a new shell, with credentials of an AWS account")
            )
        # One of the few regions that has it; a session of its own, as boto3's default one keeps old credentials.
        client = boto3.Session().client("pricing", region_name="us-east-1", config=CONFIG)
    for name, price in (PRICES | INSTANCES).items():
        try:
            theirs = tuple(sorted({usd * price.per for usd in _listed(client, price, region)}))
        except NoCredentialsError:
            raise ProblemError(
                _("--live asks AWS, free of charge, and finds no credentials: sign in with aws login or aws configure")
            ) from None
        except (NoConnectionError, HTTPClientError) as error:
            raise ProblemError(_("AWS's Price List does not answer: {error}").format(error=error)) from None
        yield Checked(name, price.unit, price.in_region(region), theirs)


def _listed(client: "PricingClient", price: Price, region: str) -> Iterator[float]:
    """Yield what AWS lists for a row, for the unit that it is listed in."""
    by_name = price.service == "AWSDataTransfer"
    where: FilterTypeDef = {
        "Type": "TERM_MATCH",
        "Field": "fromLocation" if by_name else "regionCode",
        "Value": LOCATIONS[region] if by_name else region,
    }
    what: FilterTypeDef = {"Type": "CONTAINS", "Field": "usagetype", "Value": price.usage_type}
    pages = client.get_paginator("get_products").paginate(ServiceCode=price.service, Filters=[where, what])
    for product in (json.loads(product) for page in pages for product in page["PriceList"]):
        attributes = product["product"]["attributes"]
        # APN1-NatGateway-Hours is the row NatGateway-Hours; APN1-RegionalNatGateway-Hours is not.
        if not re.fullmatch(rf"([A-Z]+\d*-)?{re.escape(price.usage_type)}", attributes["usagetype"]):
            continue
        if price.operation in ("", attributes.get("operation")):
            yield from _first_price(product["terms"].get("OnDemand", {}))


def _first_price(terms: dict[str, Any]) -> Iterator[float]:
    """Yield the price of the first tier that costs anything: what is below it is a free tier."""
    for term in terms.values():
        tiers = sorted(term["priceDimensions"].values(), key=lambda tier: float(tier["beginRange"]))
        prices = (float(tier["pricePerUnit"].get("USD", 0)) for tier in tiers)
        if (first := next((usd for usd in prices if usd), None)) is not None:
            yield first
