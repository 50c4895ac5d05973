"""The facts of checks in the language that is spoken.

Checks compare facts, and programs read them, in English. Here are the shapes that they have. What a policy says stays
in IAM's own words.
"""

from lab.terminal.language import N_, rephrased

SHAPES = (  # the first that fits is taken: what holds others stands above them
    N_("without zone {number}: {fact}"),
    N_("{pair} stops: {way}"),
    N_("in {number}: {rule}"),
    N_("out {number}: {rule}"),
    N_("{group} in: {rule}"),
    N_("{group} out: {rule}"),
    N_("an answer"),
    N_("AWS says nothing of what this is about"),
    N_("AWS says nothing of {what}"),
    N_("nothing"),
    N_("none"),
    # access and operators
    N_("bastion carries {role}"),
    N_("inline policy {name}"),
    N_("policy of this stack"),
    N_("policy {name}"),
    N_("member {user}"),
    N_("language of {version}"),
    N_("{user} has access key {key}"),
    N_("{user} has policy {policy}"),
    N_("{user} is in {group}"),
    # instances
    N_("image of {name}"),
    N_("image {name}"),
    N_("{host}: CPU credits {mode}"),
    N_("{host}: tokens required, {number} hop"),
    N_("{host}: tokens {mode}, {number} hop"),
    N_("{host}: {type}, tenancy {tenancy} in a VPC of {vpc}"),
    N_("{host}: {type}, encrypted {encrypted}"),
    N_("{host}: {size} GiB"),
    N_("in {subnet}, address {address}"),
    N_("in {subnet}"),
    N_("address {address}"),
    N_("Elastic IP {name}"),
    N_("a key of this stack"),
    N_("key {name}"),
    N_("kept as {type}"),
    N_("writes {path}"),
    N_("running in {subnet}"),
    N_("a public address: {answer}"),
    N_("source/destination check: {answer}"),
    # firewall
    N_("allow {traffic} from {peer}"),
    N_("allow {traffic} to {peer}"),
    N_("deny {traffic} from {peer}"),
    N_("deny {traffic} to {peer}"),
    N_("{traffic} from {peer}"),
    N_("icmp type {type} code {code}"),
    N_("{acl} guards {subnet}"),
    N_("all traffic"),
    # network
    N_("range {cidr}"),
    N_("DNS: {answer}"),
    N_("host names: {answer}"),
    N_("{subnet} {cidr} in zone {zone}"),
    N_("attached: {name}"),
    N_("endpoint of S3: {state}"),
    N_("on {table}"),
    N_("{subnet}: {destination} to internet gateway {target}"),
    N_("{subnet}: {destination} to NAT gateway {target}"),
    N_("{subnet}: {destination} to instance {target}"),
    N_("{subnet}: {destination} to {target}"),
    # what a route leads to, or a rule trusts
    N_("egress-only gateway {name}"),
    N_("transit gateway {name}"),
    N_("peering connection {name}"),
    N_("interface {name}"),
    N_("endpoint {name}"),
    N_("carrier gateway {name}"),
    N_("local gateway {name}"),
    N_("core network {name}"),
    N_("gateway {name}"),
    N_("{name} (blackhole)"),
    N_("{name} of the account {owner}"),
    N_("{where}, delivery {status}"),
    N_("{name}: available, in {subnet}, address {address}"),
    N_("{name}: available, regional"),
    N_("{status}, {kind} traffic to {where}"),
    # storage
    N_("old versions of {what}: deleted {when}"),
    N_("delete markers of {what}: deleted when nothing is behind them"),
    N_("unfinished uploads of {what}: deleted {when}"),
    N_("old versions of {what} to {storage_class} {when}"),
    N_("{what} to {storage_class} after {days} days"),
    N_("{what}: deleted {when}"),
    N_("after {days} days, {number} kept"),
    N_("after {days} days"),
    N_("everything"),
    N_("never enabled"),
    N_("nowhere"),
    N_("{bucket}: {encryption}, bucket key"),
    N_("{traffic} to {peer}"),
    # in a real account
    N_("delivered"),
    N_("{sum}, MONTHLY COST, of the whole account"),
    N_("{status} of {id}"),
    # saving
    N_("{action}Instances: {when}, at most {seconds} s late, {state}"),
)


def in_words(fact: str) -> str:
    """Return a fact in the language that is spoken; one of another shape as it is."""
    if fact.startswith(("Allow ", "Deny ")):
        return fact
    return rephrased(fact, SHAPES)
