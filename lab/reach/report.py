"""Answers on a terminal."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from lab.reach.changes import least_changes
from lab.reach.engine import Way
from lab.reach.explain import Words, span
from lab.reach.network import ALL_PORTS, Network
from lab.reach.parties import INTERNET, Party
from lab.reach.ranges import Answer, Ports, condensed, reached, without
from lab.terminal.language import _
from lab.terminal.options import console

FEW = 3  # so many answers are told hop by hop
Pair = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """Ports on which one reaches another in one network, and not in the other."""

    source: str
    destination: str
    protocol: str
    ports: Ports
    opens: bool


def print_answers(network: Network, answers: Sequence[Answer], words: Words, *, reply: bool) -> None:
    """Print one line for each answer, and where they are few, the ways hop by hop and what would have to change."""
    told = _by_stop(condensed(answers))
    parts = {party.block for some in told for party in (some[0].source, some[0].destination) if party.block}
    for some in told:
        _print_verdict(some, words, is_one_of=len(parts) > 1)
    if len(told) > FEW:
        return
    for some in told:
        # What does not reach is told where that was the question, and not as the rest of all ports.
        if some[0].reaches or len(some) == 1:
            _print_way(network, some[0], words, reply=reply)


def _by_stop(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Return answers about the same pair together where they stop at the same hop; what reaches comes first."""
    together: dict[object, list[Answer]] = {}
    for answer in answers:
        stop = answer.conversation.stop
        why = stop and (stop.kind, stop.id, stop.rule, stop.inbound, stop.code, answer.conversation.reply is None)
        key = (answer.source, answer.destination, why, answer.lost, answer.lost_at_nat)
        together.setdefault(key, []).append(answer)
    return sorted(together.values(), key=lambda some: not some[0].reaches)


def _print_verdict(answers: list[Answer], words: Words, *, is_one_of: bool) -> None:
    first = answers[0]
    ranges = [answer.ports for answer in answers]
    traffic = ports_in_words(ranges, first.protocol, words)
    pair = " → ".join(
        _("the rest of the internet") if is_one_of and party.name == INTERNET else name(party)
        for party in (first.source, first.destination)
    )
    stop = first.conversation.stop
    if stop is None:
        lost = words.lost(first)
        line = f"{pair}, {traffic}{f' ({lost})' if lost else ''}"
        console.print(f"[green]✓[/] {escape(line)}", soft_wrap=True)
        return
    is_reply = first.conversation.reply is not None
    said = _("the reply: ") if is_reply else ""
    why = words.why(stop, "" if is_reply else traffic)
    line = _("{pair}, {traffic}: {why} ({code})").format(pair=pair, traffic=traffic, why=said + why, code=stop.code)
    console.print(f"[red]✗[/] {escape(line)}", soft_wrap=True)


def _print_way(network: Network, answer: Answer, words: Words, *, reply: bool) -> None:
    conversation = answer.conversation
    console.print(
        f"\n{name(answer.source)} → {name(answer.destination)}, {words.ports(answer.protocol, answer.ports)}",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    _print_hops(conversation.request, words)
    if conversation.reply and (reply or not conversation.succeeds):
        console.print(_("reply"), style="bold")
        _print_hops(conversation.reply, words)
    if answer.failing and answer.failing.reply and reply:
        console.print(_("a reply that gets lost"), style="bold")
        _print_hops(answer.failing.reply, words)
    if not conversation.succeeds:
        changes = least_changes(network, answer)
        if changes:
            console.print(_("For it to reach, there would have to be:"))
            for change in changes:
                console.print(f"  - {change.text}", markup=False, soft_wrap=True)
        else:
            console.print(_("No rule or route would change that."))


def _print_hops(way: Way, words: Words) -> None:
    table = Table("", "", Column(overflow="fold"), box=None, padding=(0, 2, 0, 0), show_header=False)
    lines = words.hops(way)
    for number, (what, rule) in enumerate(lines, start=1):
        stops = not way.arrives and number == len(lines)
        table.add_row(str(number), Text(what, "red" if stops else ""), Text(f"{'✗ ' if stops else ''}{rule}"))
    console.print(table)


def in_one_line(answer: Answer, words: Words) -> str:
    """Return the way of the request, or that of the reply where this is what stops: for a claim that does not hold."""
    conversation = answer.conversation
    stopped = conversation.reply and not conversation.reply.arrives
    way = (stopped and conversation.reply) or conversation.request
    hops = [f"{what} [{rule}]" if rule else what for what, rule in words.hops(way)]
    end = "" if way.arrives else f": {words.why(way.hops[-1])} ({way.code})"
    return f"{_('the reply: ') if stopped else ''}{' → '.join(hops)}{end}"


# --- everybody


def print_matrix(answers: Sequence[Answer], words: Words) -> None:
    """Print who reaches whom, a line for each pair that does; zones that are alike are one."""
    ways: dict[Pair, str] = {}
    for pair, some in _pairs(condensed(answers, by_reach=True)).items():
        if ranges := reached(some):
            odds = {words.odds(answer) for answer in some if answer.failing}
            ways[pair] = ", ".join(map(span, ranges)) + (f" ({max(odds)})" if odds else "")
    protocol = answers[0].protocol if answers else ""
    table = Table(
        _("From"),
        _("To"),
        Column(_("{protocol} ports").format(protocol=protocol), overflow="fold"),
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    lines = _zones_as_one(ways, set(_pairs(answers)))
    for (source, destination), said in lines.items():
        table.add_row(escape(_whom(source)), escape(_whom(destination)), said)
    console.print(table)
    console.print()
    if any("*" in "".join(pair) for pair in lines):
        console.print(_("*: in each zone alike."))
    if any(answer.failing for answer in answers):
        console.print(
            _("(1 in ...): so many conversations fail, as some ports get no reply. Ask for that pair to see."),
            soft_wrap=True,
        )
    console.print(
        _("Nobody reaches anybody else. Ask for one, hop by hop: python -m lab reach internet bastion 22"),
        soft_wrap=True,
    )


def _pairs(answers: Iterable[Answer]) -> dict[Pair, list[Answer]]:
    found: dict[Pair, list[Answer]] = {}
    for answer in answers:
        found.setdefault((answer.source.name, answer.destination.name), []).append(answer)
    return found


def _zones_as_one(ways: dict[Pair, str], all_pairs: set[Pair]) -> dict[Pair, str]:
    """Return the lines of a matrix: one for members in subnets of one kind, where all of them reach the same."""
    lines: dict[Pair, str] = {}
    for pair, said in ways.items():
        kind = (_kind(pair[0]), _kind(pair[1]))
        alike = {other for other in all_pairs if (_kind(other[0]), _kind(other[1])) == kind}
        near = {other for other in alike if _share_subnet(other) is _share_subnet(pair)}
        if all(ways.get(other) == said for other in alike):
            lines[kind] = said
        elif all(ways.get(other) == said for other in near):
            where = _("same subnet") if _share_subnet(pair) else _("another subnet")
            lines[kind[0], f"{kind[1]} ({where})"] = said
        else:
            lines[pair] = said
    return lines


def _share_subnet(pair: Pair) -> bool:
    return _place(pair[0]) == _place(pair[1]) != ""


def _place(member: str) -> str:
    return member.partition("@")[2]


def _kind(member: str) -> str:
    """Return ``web@public-*`` for ``web@public-1``."""
    return re.sub(r"(@.*-)\d+$", r"\1*", member)


def differences(before: Sequence[Answer], after: Sequence[Answer]) -> list[Difference]:
    """Return the ways that a change opens and closes."""
    old, new = _pairs(before), _pairs(after)
    found: list[Difference] = []
    for pair in dict.fromkeys([*new, *old]):
        was, is_now = reached(old.get(pair, ())), reached(new.get(pair, ()))
        protocol = (new.get(pair) or old[pair])[0].protocol
        for opens, ports in ((True, without(is_now, was)), (False, without(was, is_now))):
            found += [Difference(*pair, protocol, each, opens) for each in ports]
    told = {each for each in found if INTERNET in (each.source, each.destination)}
    # What is so for the rest of the internet need not be said of each block that a rule names.
    return sorted((each for each in found if _around(each) not in told), key=lambda each: not each.opens)


def _around(each: Difference) -> Difference | None:
    """Return the same for all of the internet, where it is about a block of that."""
    if "/" in each.source:
        return replace(each, source=INTERNET)
    return replace(each, destination=INTERNET) if "/" in each.destination else None


def print_differences(found: Sequence[Difference]) -> None:
    """Print the ways that a change opens (+) and closes (-)."""
    pairs: dict[tuple[bool, str], dict[Pair, str]] = {}
    for each in found:
        ways = pairs.setdefault((each.opens, each.protocol), {})
        pair = (each.source, each.destination)
        ways[pair] = f"{ways[pair]}, {span(each.ports)}" if pair in ways else span(each.ports)
    for (opens, protocol), ways in pairs.items():
        for (source, destination), said in _zones_as_one(ways, set(ways)).items():
            line = escape(f"{_whom(source)} → {_whom(destination)}, {protocol} {said}")
            console.print(f"[{'green' if opens else 'red'}]{'+' if opens else '-'}[/] {line}", soft_wrap=True)


def name(party: Party) -> str:
    """Return whom an answer is about."""
    return _whom(party.name)


def _whom(name: str) -> str:
    if name == INTERNET:
        return _("internet")
    return name


def ports_in_words(ranges: Sequence[Ports], protocol: str, words: Words) -> str:
    if protocol == "icmp" or list(ranges) == [ALL_PORTS]:
        return words.ports(protocol, ranges[0])
    return f"{protocol} {', '.join(map(span, ranges))}"
