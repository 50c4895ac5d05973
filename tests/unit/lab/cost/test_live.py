"""The price table against answers like those of AWS's Price List (GetProducts, FormatVersion aws_v1)."""

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from lab.cost.live import LOCATIONS, Checked, check_prices
from lab.cost.prices import INSTANCES, PRICES, REGIONS, Price
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from mypy_boto3_pricing import PricingClient

ROWS = PRICES | INSTANCES
Answers = dict[str, list[str]]


@pytest.fixture
def client() -> "PricingClient":
    return boto3.client("pricing", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106


def product(usage_type: str, *tiers: tuple[int, float], operation: str = "", unit: str = "Hrs") -> str:
    """Return a product as AWS lists it; ``tiers`` are where each begins and its USD."""
    sku, term = "ABCDEFGH12345678", "JRTCKXETXF"
    ends = [*(str(begin) for begin, _ in tiers[1:]), "Inf"]
    return json.dumps(
        {
            "product": {
                "productFamily": "Something",
                "attributes": {"servicecode": "Some", "usagetype": usage_type, "operation": operation},
                "sku": sku,
            },
            "serviceCode": "Some",
            "terms": {
                "OnDemand": {
                    f"{sku}.{term}": {
                        # The later tier first: AWS promises no order.
                        "priceDimensions": {
                            f"{sku}.{term}.{begin}": {
                                "unit": unit,
                                "beginRange": str(begin),
                                "endRange": end,
                                "description": f"${usd} per {unit}",
                                "appliesTo": [],
                                "rateCode": f"{sku}.{term}.{begin}",
                                "pricePerUnit": {"USD": f"{usd:.10f}"},
                            }
                            for (begin, usd), end in reversed(list(zip(tiers, ends, strict=True)))
                        },
                        "sku": sku,
                        "effectiveDate": "2026-11-01T00:00:00Z",
                        "offerTermCode": term,
                        "termAttributes": {},
                    }
                }
            },
            "version": "20261120000000",
            "publicationDate": "2026-11-20T00:00:00Z",
        }
    )


def as_listed(price: Price, region: str, factor: float = 1) -> str:
    """Return the product of a row of ours, at our price times ``factor``."""
    prefix = {"us-east-1": "", "us-east-2": "USE2-", "eu-west-1": "EU-", "ap-northeast-1": "APN1-"}[region]
    usd = price.in_region(region) / price.per * factor
    return product(prefix + price.usage_type, (0, usd), operation=price.operation)


def check(client: "PricingClient", region: str, answers: Answers) -> dict[str, Checked]:
    """Return what comes of the check when AWS lists ``answers`` for some rows, and our prices for the others."""
    with Stubber(client) as stub:
        for name, price in ROWS.items():
            where = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}
            if price.service == "AWSDataTransfer":
                where = {"Type": "TERM_MATCH", "Field": "fromLocation", "Value": LOCATIONS[region]}
            what = {"Type": "CONTAINS", "Field": "usagetype", "Value": price.usage_type}
            stub.add_response(
                "get_products",
                {"FormatVersion": "aws_v1", "PriceList": answers.get(name, [as_listed(price, region)])},
                {"ServiceCode": price.service, "Filters": [where, what]},
            )
        rows = {row.row: row for row in check_prices(region, client)}
        stub.assert_no_pending_responses()
    return rows


@pytest.mark.parametrize("region", REGIONS)
def test_every_row_is_asked_for_and_is_as_aws_lists_it(region: str, client: "PricingClient") -> None:
    rows = check(client, region, {})
    assert list(rows) == list(ROWS)
    assert {row.verdict for row in rows.values()} == {"same"}


def test_says_which_price_moved(client: "PricingClient") -> None:
    rows = check(client, "ap-northeast-1", {"put": [as_listed(PRICES["put"], "ap-northeast-1", factor=2)]})
    assert [name for name, row in rows.items() if row.verdict != "same"] == ["put"]
    assert (rows["put"].verdict, rows["put"].ours) == ("moved", 0.0047)
    assert rows["put"].theirs == pytest.approx((0.0094,))


def test_says_which_row_is_not_listed(client: "PricingClient") -> None:
    assert check(client, "us-east-1", {"GLACIER": []})["GLACIER"].verdict == "not found"


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        # others whose usage type only contains ours
        ("nat", [product("APN1-RegionalNatGateway-Hours", (0, 9)), product("APN1-NatGateway-Hours", (0, 0.062))]),
        ("s3", [product("APN1-Tables-TimedStorage-ByteHrs", (0, 9)), product("APN1-TimedStorage-ByteHrs", (0, 0.025))]),
        # the same usage type for another operation
        (
            "to-GLACIER",
            [
                product("APN1-Requests-Tier3", (0, 0.00005), operation="RestoreObject"),
                product("APN1-Requests-Tier3", (0, 0.00003426), operation="S3-GlacierTransition"),
            ],
        ),
        (
            "t3.micro",
            [
                product("APN1-BoxUsage:t3.micro", (0, 0.0228), operation="RunInstances:0002"),  # Windows
                product("APN1-BoxUsage:t3.micro", (0, 0.0136), operation="RunInstances"),
            ],
        ),
        # a free tier, and volume discounts
        ("out", [product("APN1-DataTransfer-Out-Bytes", (0, 0), (100, 0.114), (10_240, 0.089), unit="GB")]),
        ("logs-to-s3", [product("APN1-S3-Egress-Bytes", (0, 0.38), (10_240, 0.19), unit="GB")]),
    ],
)
def test_takes_the_right_one_of_similar_products(row: str, answers: list[str], client: "PricingClient") -> None:
    checked = check(client, "ap-northeast-1", {row: answers})[row]
    assert (checked.verdict, len(checked.theirs)) == ("same", 1)


def test_reads_every_page(client: "PricingClient") -> None:
    first = PRICES["nat"]
    with Stubber(client) as stub:
        asked: dict[str, Any] = {"ServiceCode": first.service, "Filters": ANY}
        stub.add_response("get_products", {"PriceList": [], "NextToken": "more"}, asked)
        stub.add_response(
            "get_products", {"PriceList": [as_listed(first, "us-east-1")]}, {**asked, "NextToken": "more"}
        )
        assert next(check_prices("us-east-1", client)).verdict == "same"


def test_a_denial_is_passed_on_for_its_one_line(client: "PricingClient") -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_products", "AccessDeniedException", "not authorized to perform: pricing:GetProducts")
        with pytest.raises(ClientError, match="pricing:GetProducts"):
            next(check_prices("us-east-1", client))


def test_without_credentials_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # other tests' local AWS
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ProblemError, match=re.escape("sign in with aws login or aws configure")):
        next(check_prices("us-east-1"))


def test_without_a_network_it_says_so() -> None:
    nowhere = boto3.client(
        "pricing",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ProblemError, match="AWS's Price List does not answer: Could"):
        next(check_prices("us-east-1", nowhere))


def test_the_local_aws_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ProblemError, match="The local AWS has no price list"):
        next(check_prices("us-east-1"))
