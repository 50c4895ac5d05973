"""Canonical's Ubuntu images: the public parameters that name them, and the images themselves.

An image's id says which image it is (release, date, architecture), so that any date that a learner pins works, and
still works after a restart, without a list of images.
"""

import re
from typing import Any

from ministack.services import ec2, ssm

from lab.local_aws import wire

CANONICAL = "099720109477"
PARAMETER = re.compile(
    r"/aws/service/canonical/ubuntu/server/(?P<release>24\.04|26\.04)/stable/"
    r"(?P<serial>current|20\d{6}(\.\d{1,2})?)/(?P<arch>amd64|arm64)/hvm/ebs-gp3/ami-id"
)
IMAGE_ID = re.compile(r"ami-0(?P<release>2404|2604)(?P<day>\d{8})(?P<try>\d{2})(?P<arch>[12])0")
ARCHITECTURES = {"1": ("amd64", "x86_64"), "2": ("arm64", "arm64")}
CURRENT = {"24.04": "20261112", "26.04": "20261118"}  # some recent date: these images are never downloaded
# Instance families with a `g` after the generation number are Graviton: t4g, m7gd, c7gn, is4gen; and a1.
GRAVITON = re.compile(r"(a1|[a-z]+\d+[a-z]*g[a-z]*)\.")


def image_id(parameter: str) -> str | None:
    """Return the image that a public parameter of Canonical names, or None for another name."""
    match = PARAMETER.fullmatch(parameter)
    if not match:
        return None
    serial = CURRENT[match["release"]] if match["serial"] == "current" else match["serial"]
    day, _, attempt = serial.partition(".")
    architecture = {"amd64": 1, "arm64": 2}[match["arch"]]
    return f"ami-0{match['release'].replace('.', '')}{day}{int(attempt or 0):02}{architecture}0"


def architecture_of_image(image: str) -> str | None:
    match = IMAGE_ID.fullmatch(image)
    return ARCHITECTURES[match["arch"]][1] if match else None


def architecture_of_type(instance_type: str) -> str:
    return "arm64" if GRAVITON.match(instance_type) else "x86_64"


class _PublicParameters(dict[str, str]):
    """ministack's table of public image parameters, and every parameter of Canonical."""

    def get(self, name: str, default: Any = None) -> Any:
        return image_id(name) or super().get(name, default)


ssm._PUBLIC_AMI_PARAMETERS = _PublicParameters(ssm._PUBLIC_AMI_PARAMETERS)


def _stub(image: str) -> tuple[str, str, str, str, str, str, None] | None:
    match = IMAGE_ID.fullmatch(image)
    if not match:
        return None
    release, arch = f"{match['release'][:2]}.{match['release'][2:]}", ARCHITECTURES[match["arch"]][0]
    serial = match["day"] + (f".{int(match['try'])}" if int(match["try"]) else "")
    name = f"ubuntu/images/hvm-ssd-gp3/ubuntu-{release}-{arch}-server-{serial}"
    return (image, name, f"Canonical, Ubuntu, {release} LTS, {arch}", "", "/dev/sda1", CANONICAL, None)


_ministacks_view = ec2._stub_image_view


def _view(image: str, *rest: Any) -> dict[str, Any]:
    view: dict[str, Any] = _ministacks_view(image, *rest)
    return {**view, "Architecture": architecture_of_image(image) or view["Architecture"]}


@wire.around("DescribeImages")
def _describe(params: wire.Params, ministacks: wire.Handler) -> wire.Answer:
    """Let ministack know each image of Canonical that it is asked for."""
    for image in wire.tree(params).get("ImageId", []):
        stub = _stub(image)
        if stub and stub not in ec2._STUB_AMIS:
            ec2._STUB_AMIS.append(stub)
    return ministacks(params)


ec2._stub_image_view = _view
for _release in CURRENT:
    for _arch in ("amd64", "arm64"):
        _path = f"/aws/service/canonical/ubuntu/server/{_release}/stable/current/{_arch}/hvm/ebs-gp3/ami-id"
        ec2._STUB_AMIS.append(_stub(image_id(_path) or ""))
