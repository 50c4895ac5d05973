"""Where everything stands: zones side by side, public above private, what is no part of the network at the right."""

from lab.picture.architecture import Architecture, Subnet, cidr_of
from lab.picture.drawing import ICON, INK, Drawing, Frame, Icon, Point, Text, Wire, shortened
from lab.template.reader import INSTANCE, NAT_GATEWAY
from lab.template.values import text
from lab.terminal.language import _

# AWS's own colours for its groups and services: https://aws.amazon.com/architecture/icons/
VPC, PUBLIC, PRIVATE, ZONE, SECURITY, REGION = "#8c4fff", "#3f8624", "#147eba", "#545b64", "#dd344c", "#6b7480"
PUBLIC_FILL, PRIVATE_FILL = "#f2f6e8", "#e6f2f8"

MARGIN = 24
REGION_TOP, VPC_TOP = 86, 120
SUBNET_WIDTH, SUBNET_HEIGHT, EMPTY_HEIGHT = 300, 128, 56
ZONE_WIDTH = SUBNET_WIDTH + 24
CELL = SUBNET_WIDTH / 2 - 4  # how wide the text below an icon may be
PADDING = 36  # between the VPC's edge, with half an icon on it, and its zones
LINE = 17
SIDE_WIDTH = 276


def lay_out(architecture: Architecture, stack: str) -> Drawing:
    """Return the drawing of a template; what it lacks is left out."""
    return _Layout(architecture, stack).drawing


class _Layout:
    def __init__(self, architecture: Architecture, stack: str) -> None:
        self.architecture = architecture
        regional = bool(architecture.regional_gateway)  # it stands between the zones
        zones = sorted({subnet.zone for subnet in architecture.subnets})
        self.zone_gap = ICON + 16 if regional else 24
        self.left = MARGIN * 2
        self.width = len(zones) * (ZONE_WIDTH + self.zone_gap) - self.zone_gap + 2 * PADDING
        self.right = self.left + self.width
        self.middle = self.left + self.width / 2
        self.public_top = VPC_TOP + 104
        self.private_top = self.public_top + SUBNET_HEIGHT + (124 if regional else 44)
        hosts = [
            host
            for subnet in architecture.subnets
            for host in architecture.all_in(subnet, INSTANCE)
            if not architecture.is_public(subnet)
        ]
        self.private_height = SUBNET_HEIGHT if hosts else EMPTY_HEIGHT
        self.zone_bottom = self.private_top + self.private_height + 12
        self.bottom = max(self.zone_bottom + 44 + LINE * (len(architecture.groups) + 1) + 8, VPC_TOP + 470)
        self.drawing = Drawing(round(self.right + SIDE_WIDTH + MARGIN), round(self.bottom + 2 * MARGIN))
        # Where wires of gateways and hosts begin and end: x, and the lower edge of what is written below the icon.
        self.gateways: dict[str, tuple[float, float]] = {}
        self.public_hosts: list[tuple[float, float]] = []
        self.private_hosts: list[tuple[float, float]] = []
        self.region_and_vpc(stack)
        for zone in zones:
            self.zone(zone)
        self.regional_gateway()
        self.routes()
        self.ssh()
        self.security_groups()
        self.side()

    # --- small things

    def icon(self, x: float, y: float, name: str, *lines: str) -> float:
        """Draw an icon with lines of text below it; return where they end."""
        self.drawing.icons.append(Icon(x, y, name))
        for number, line in enumerate(lines, 1):
            self.text(x, y + ICON / 2 + 14 * number, shortened(line, CELL), anchor="middle")
        return y + ICON / 2 + 14 * len(lines) + 5

    def text(self, x: float, y: float, text: str, *, size: int = 11, anchor: str = "start", colour: str = INK) -> None:
        self.drawing.texts.append(Text(x, y, text, size, anchor, colour))

    def wire(self, *points: Point, colour: str = INK, dashed: bool = False, two_way: bool = False) -> None:
        self.drawing.wires.append(Wire(points, colour, dashed, two_way))

    def zone_left(self, zone: int) -> float:
        return self.left + PADDING + zone * (ZONE_WIDTH + self.zone_gap)

    def way_out(self, subnet: Subnet) -> float:
        """Return the x of a subnet's route, and of the NAT gateway or instance in it: right of its other instances."""
        return self.zone_left(subnet.zone) + 12 + SUBNET_WIDTH * 3 / 4

    # --- from the outside to the inside

    def region_and_vpc(self, stack: str) -> None:
        width, height = self.drawing.width - 2 * MARGIN, self.bottom + MARGIN - REGION_TOP
        cidr = cidr_of(self.architecture.vpc)
        self.drawing.frames.append(
            Frame(
                x=MARGIN,
                y=REGION_TOP,
                width=width,
                height=height,
                title=_("AWS region, {stack}").format(stack=stack),
                colour=REGION,
                dashed=True,
            )
        )
        height = self.bottom - VPC_TOP
        self.drawing.frames.append(
            Frame(x=self.left, y=VPC_TOP, width=self.width, height=height, title=f"VPC {cidr}", colour=VPC)
        )
        self.icon(self.middle, 40, "general/internet-alt1")
        self.text(self.middle + 34, 44, _("Internet"), size=12)
        self.icon(self.middle, VPC_TOP + 8, "network/internet-gateway")
        self.text(self.middle + 34, VPC_TOP + 26, _("Internet gateway"))
        self.wire((self.middle, VPC_TOP + 8 - ICON / 2), (self.middle, 40 + ICON / 2), two_way=True)

    def zone(self, zone: int) -> None:
        x, y = self.zone_left(zone), self.public_top - 28
        title = self.architecture.zone_name(zone)
        self.drawing.frames.append(
            Frame(x=x, y=y, width=ZONE_WIDTH, height=self.zone_bottom - y, title=title, colour=ZONE, dashed=True)
        )
        for subnet in self.architecture.subnets:
            if subnet.zone == zone:
                self.subnet(subnet)

    def subnet(self, subnet: Subnet) -> None:
        public = self.architecture.is_public(subnet)
        x, y = self.zone_left(subnet.zone) + 12, self.public_top if public else self.private_top
        self.drawing.frames.append(
            Frame(
                x=x,
                y=y,
                width=SUBNET_WIDTH,
                height=SUBNET_HEIGHT if public else self.private_height,
                title=f"{subnet.name} {subnet.cidr}",
                colour=PUBLIC if public else PRIVATE,
                fill=PUBLIC_FILL if public else PRIVATE_FILL,
                title_right=not public,
            )
        )
        for instance in self.architecture.all_in(subnet, INSTANCE):
            instance_type = text(instance.properties.get("InstanceType"))
            if instance.is_nat_instance:
                lines = (instance.label, _("{instance_type}, NAT instance").format(instance_type=instance_type))
                centre = self.way_out(subnet)
                self.gateways[instance.logical_id] = (centre, self.icon(centre, y + 52, "compute/ec2", *lines))
                continue
            what = instance_type + (_(", Elastic IP") if self.architecture.has_address(instance.logical_id) else "")
            end = self.icon(x + SUBNET_WIDTH / 4, y + 52, "compute/ec2", instance.label, what)
            (self.public_hosts if public else self.private_hosts).append((x + SUBNET_WIDTH / 4, end))
        for gateway in self.architecture.all_in(subnet, NAT_GATEWAY):
            centre = self.way_out(subnet)
            self.gateways[gateway.logical_id] = (
                centre,
                self.icon(centre, y + 52, "network/nat-gateway", _("NAT gateway"), _("Elastic IP")),
            )

    def regional_gateway(self) -> None:
        if self.architecture.regional_gateway:
            y = self.public_top + SUBNET_HEIGHT + 40
            self.icon(self.middle, y, "network/nat-gateway")
            self.text(self.middle + 46, y + 4, _("Regional NAT gateway"))
            self.gateways[self.architecture.regional_gateway] = (self.middle, y + ICON / 2)
            self.wire((self.middle, y - ICON / 2), (self.middle, VPC_TOP + 8 + ICON / 2), colour=PUBLIC)

    # --- what leads where

    def routes(self) -> None:
        """Draw where each subnet's default route leads."""
        for subnet in self.architecture.subnets:
            x = self.way_out(subnet)
            if self.architecture.is_public(subnet):
                turn = VPC_TOP + 54
                end = (self.middle, VPC_TOP + 8 + ICON / 2)
                self.wire((x, self.public_top), (x, turn), (self.middle, turn), end, colour=PUBLIC)
            elif subnet.gateway in self.gateways:
                to_x, to_y = self.gateways[subnet.gateway]
                turn = self.private_top - 18
                between = [] if to_x == x else [(x, turn), (to_x, turn)]
                self.wire((x, self.private_top), *between, (to_x, to_y), colour=PRIVATE)

    def ssh(self) -> None:
        for (x, y), (to_x, _y) in zip(self.public_hosts, self.private_hosts, strict=False):
            self.wire((x, y), (to_x, self.private_top + 52 - ICON / 2), colour=SECURITY, dashed=True)
            self.text(x + 6, self.private_top - 20, "SSH", colour=SECURITY)

    def security_groups(self) -> None:
        x, y = self.left + PADDING, self.zone_bottom + 28
        self.text(x, y, _("Security groups, and what they let in"), size=12, colour=SECURITY)
        for group in self.architecture.groups:
            y += LINE
            text = f"{group.name}: {', '.join(group.inbound) or _('nothing')}"
            self.text(x, y, shortened(text, self.width - 2 * PADDING))
        self.text(
            x,
            y + LINE + 6,
            _("Solid lines: default routes, and the endpoint. Dashed: who else talks to whom."),
            colour=REGION,
        )

    # --- what is no part of the network

    def side(self) -> None:
        x, y = self.right + 130, self.public_top + 84
        buckets = self.architecture.all("AWS::S3::Bucket")
        logs = {bucket.get("LoggingConfiguration", {}).get("DestinationBucketName") for bucket in buckets.values()}
        for role, host in self.architecture.roles():
            picture = "security/identity-and-access-management-iam-role"
            end = self.icon(
                x, VPC_TOP + 30, picture, _("Role {role}").format(role=role), _("of {host}").format(host=host)
            )
            self.hand_down(x, end, y - ICON / 2, _("may use the bucket"))
        for bucket in buckets.keys() - logs:
            end = self.icon(
                x, y, "storage/simple-storage-service-s3-bucket", _("Bucket"), *self.architecture.archives(bucket)
            )
            if buckets.keys() & logs:
                self.hand_down(x, end, y + 150 - ICON / 2, _("access logs"))
        if self.architecture.all("AWS::EC2::VPCEndpoint"):
            self.icon(self.right, y, "network/endpoint")
            self.text(self.right + 6, y - ICON / 2 - 6, _("S3 endpoint"))
            self.wire((self.right + ICON / 2, y), (x - ICON / 2, y), two_way=True)
        if buckets.keys() & logs:
            self.icon(x, y + 150, "storage/simple-storage-service-s3-bucket", _("Log bucket"))
        if self.architecture.all("AWS::EC2::FlowLog"):
            self.wire((self.right, y + 150), (x - ICON / 2, y + 150), dashed=True)
            self.text((self.right + x - ICON / 2) / 2, y + 144, _("flow logs"), anchor="middle")

    def hand_down(self, x: float, y: float, to_y: float, text: str) -> None:
        self.wire((x, y), (x, to_y), dashed=True)
        self.text(x + 8, (y + to_y) / 2, text)
