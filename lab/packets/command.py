"""``python -m lab packets``: the network with real packets, on this machine."""

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lab.template.reader import STACK
from lab.terminal.language import N_, _
from lab.terminal.options import StackName, console
from lab.terminal.problem import ProblemError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from lab.reach.network import Network

# What people try there, and what to install for it on Debian and Ubuntu.
TOOLS = {"curl": "curl", "nc": "netcat-openbsd", "ping": "iputils-ping", "tcpdump": "tcpdump"}
SAID = {
    "ports": N_("Each host answers on the TCP and UDP ports {ports}: what stops a packet is the network."),
    "missing": N_("Not installed here: {tools} (sudo apt-get install {packages})"),
    "try": N_("""
This is {host}. Try:
  curl -m 3 {example}
In another terminal, while this shell is open:
  python -m lab packets vpc -- tcpdump -ni any        # watch the router; or {eni}, an interface
  python -m lab packets vpc -- nft list ruleset       # the network ACLs, and how often each rule was met
  python -m lab packets --rules                       # all rules, in the words of the next two
  python -m lab packets --delete-rule "{rule}"
  python -m lab packets --add-rule "{rule}"
  exit"""),
    "joined": N_("This is {host}, in the network of another terminal."),
    "gone": N_("The network is gone."),
    "deleted": N_("Deleted: {rule}"),
    "added": N_("Added: {rule}"),
}


def packets(
    host: Annotated[str, typer.Argument(help=_("Where: bastion, internet, s3, web@private-1, vpc ..."))] = "bastion",
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND]...", help=_("What to run there. Default: a shell."))
    ] = None,
    *,
    template: Annotated[
        bool, typer.Option("--template", help=_("What cdk synth left in cdk.out, not deployed."))
    ] = False,
    rules: Annotated[bool, typer.Option("--rules", help=_("List the rules of the network that runs."))] = False,
    delete_rule: Annotated[
        str, typer.Option(metavar="RULE", help=_("Delete the rules that begin so, while it runs."))
    ] = "",
    add_rule: Annotated[str, typer.Option(metavar="RULE", help=_("Add a rule, while it runs."))] = "",
    stack: StackName = STACK,
) -> None:
    """Build the network on this machine, out of Linux's own parts, and be one of its hosts: with real packets.

    No account, no cost, no root. A member of each security group that has none stands in each subnet, such as
    web@private-1. A second terminal joins the first one's network. When the first shell ends, everything is gone.

    Example: python -m lab packets internet
    """
    from lab.packets import keeper

    running = keeper.knock()
    if rules or delete_rule or add_rule:
        if not running:
            raise ProblemError(_("No network runs. Start one, in another terminal: python -m lab packets"))
        _change(running[0], delete_rule, add_rule)
        for rule in keeper.ask(running[0], "rules") if rules else ():
            typer.echo(rule)
        return
    if running:
        enter = keeper.enter(running[1], keeper.ask(running[0], "descriptor", host))
        if not command:
            _say("joined", host=host)
        raise typer.Exit(_run(enter, host, command))
    from lab.packets.vpc import outside_addresses, with_members
    from lab.reach.command import deployed_network, synthesised_network

    if reason := keeper.why_not():
        raise ProblemError(reason)
    network = with_members(synthesised_network(stack) if template else deployed_network(stack)[1])
    with keeper.open_door() as door, keeper.Keeper(door) as kept:
        kept.build(network, outside=outside_addresses(network), answers=True)
        enter = kept.enter(host)
        if not command:
            _explain(network, host)
        status = _run(enter, host, command)
    if not command:
        _say("gone")
    raise typer.Exit(status)


def _change(channel: "Connection", delete_rule: str, add_rule: str) -> None:
    from lab.packets import keeper

    if delete_rule:
        for deleted in keeper.ask(channel, "delete", delete_rule):
            _say("deleted", rule=deleted)
    if add_rule:
        keeper.ask(channel, "add", add_rule)
        _say("added", rule=add_rule)


def _say(key: str, **words: object) -> None:
    console.print(_(SAID[key]).format(**words), markup=False, soft_wrap=True)


def _explain(network: "Network", host: str) -> None:
    """Print who is there, and what to try."""
    from lab.packets.changes import written
    from lab.packets.keeper import PORTS
    from lab.packets.vpc import names, outside_addresses

    outside, hosts = outside_addresses(network), names(network)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_row("internet", ", ".join(map(str, outside)))
    for endpoint in network.endpoints.values():
        table.add_row(
            endpoint.service, ", ".join(str(cidr[1]) for cidr in network.prefix_lists.get(endpoint.prefix_list, ()))
        )
    for each in network.interfaces.values():
        table.add_row(hosts[each.id], str(each.private), str(each.public or ""))
    console.print(table)
    _say("ports", ports=", ".join(map(str, PORTS)))
    if missing := [tool for tool in TOOLS if not shutil.which(tool, path=_path())]:
        _say("missing", tools=", ".join(missing), packages=" ".join(TOOLS[tool] for tool in missing))
    here = [each for each in network.interfaces.values() if hosts[each.id] == host]
    web = [each for each in network.interfaces.values() if each.public and hosts[each.id].startswith("web@")]
    to = outside[0] if here or not web else web[0].public
    # What lets replies in, where this host stands, or whom it asks.
    acls = {network.acls[network.subnets[each.subnet].acl].name for each in (here or web)[:1]}
    rules = [line.split() for line in written(network) if "1024-" in line]
    way = "inbound" if here else "outbound"
    replies = next((" ".join(words) for words in rules if words[0] in acls and words[1] == way), "")
    eni = f"{host if here else min(hosts.values(), default='')}.eni"
    _say("try", host=host, eni=eni, example=f"http://{to}", rule=replies)


def _run(enter: list[str], host: str, command: list[str] | None) -> int:
    """Run a command, or a shell, in a namespace; return its status."""
    shell = ["bash", "--noprofile", "--norc"] if shutil.which("bash") else ["sh"]
    environment = {**os.environ, "PS1": f"{host}$ ", "PATH": _path()}
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for what runs there
    return subprocess.run([*enter, *(command or shell)], env=environment, check=False).returncode  # noqa: S603


def _path() -> str:
    from lab.packets.keeper import PATH

    return f"{os.environ.get('PATH', '')}:{PATH}"
