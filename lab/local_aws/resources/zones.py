"""The zones of each region: ministack has a, b and c everywhere."""

from typing import Any
from xml.etree import ElementTree as ET

from ministack.core.responses import get_region
from ministack.services import ec2
from ministack.services.cloudformation import engine

from lab.local_aws.wire import Answer, Params, answer, completes

# The zones that a new account is given, by letter, where they are not a, b and c; and the number in the id of each.
# Which number belongs to which letter was another for each account until November 2025.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
ZONES = {
    "ap-northeast-1": {"a": 4, "c": 1, "d": 2},
    "ap-northeast-2": {"a": 1, "b": 2, "c": 3, "d": 4},
    "ca-central-1": {"a": 1, "b": 2, "d": 4},
    "us-east-1": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6},
    "us-west-1": {"a": 1, "c": 3},
    "us-west-2": {"a": 1, "b": 2, "c": 3, "d": 4},
}
ELSEWHERE = {"a": 1, "b": 2, "c": 3}


def zones(region: str) -> dict[str, str]:
    """Return the zones of a region: name and id."""
    prefix = ec2._az_id_prefix(region)
    return {f"{region}{letter}": f"{prefix}-az{number}" for letter, number in ZONES.get(region, ELSEWHERE).items()}


def _describe(_: Params) -> Answer:
    region = get_region()
    listed = [
        {
            "zoneName": name,
            "zoneState": "available",
            "regionName": region,
            "zoneId": zone_id,
            "groupName": f"{region}-zg-1",
            "networkBorderGroup": region,
            "optInStatus": "opt-in-not-required",
            "zoneType": "availability-zone",
        }
        for name, zone_id in zones(region).items()
    ]
    return answer("DescribeAvailabilityZones", {"availabilityZoneInfo": listed})


ec2._ACTION_MAP["DescribeAvailabilityZones"] = _describe


@completes(
    "DescribeAvailabilityZones",
    items="availabilityZoneInfo/item",
    ids={"ZoneName": ("zoneName", "InvalidParameterValue"), "ZoneId": ("zoneId", "InvalidParameterValue")},
    filters={
        "group-name": "groupName",
        "opt-in-status": "optInStatus",
        "region-name": "regionName",
        "state": "zoneState",
        "zone-id": "zoneId",
        "zone-name": "zoneName",
        "zone-type": "zoneType",
    },
)
def _nothing_more(_: ET.Element) -> None:
    """Leave each zone as it is: only the filters are wanted."""


def _id_of(name: str) -> str:
    return zones(name[:-1]).get(name, f"{ec2._az_id_prefix(name[:-1])}-az9")


def _name_of(zone_id: str) -> str | None:
    return next((name for name, found in zones(get_region()).items() if found == zone_id), None)


_ministacks_resolve = engine._resolve_refs


def _resolve(value: Any, *rest: Any, **more: Any) -> Any:
    """Resolve a value of a template; ``Fn::GetAZs`` lists the zones of the stack's region."""
    resolved = _ministacks_resolve(value, *rest, **more)
    is_list_of_zones = isinstance(value, dict) and "Fn::GetAZs" in value and resolved
    return list(zones(get_region())) if is_list_of_zones else resolved


ec2._az_id_for_zone_name, ec2._zone_name_for_az_id = _id_of, _name_of
engine._resolve_refs = _resolve
