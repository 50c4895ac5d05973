"""English in what is printed in Japanese: two words or more that are no names, ids or commands."""

import re

# A command, and what may follow it: to the end of what is ASCII.
COMMAND = re.compile(
    r"(?:(?:python|lab|make|cdk|aws|git|source|sudo|apt-get|cat|cd|curl|df|echo|eval|export|nft|rm|ssh|systemctl|tcpdump)\b"
    r"|alias aws|--?\w[\w-]*(?=[ =]))[\x20-\x7e]*"
)
# Names of AWS, of its console and of programs, and what AWS or IAM says itself.
NAMES = (
    r"(?:Allow|Deny|GREATER_THAN) [\x20-\x7e]*|(?:COMMAND|\[OPTIONS\])[\x20-\x7e]*|icmp echo(?: reply)?"
    r"|(?:Block|Ignore|Restrict)Public\w+ (?:True|False)|MONTHLY COST|ACL (?:public|private)"
    r"|AWS CLI|CDK CLI|Session Manager|Parameter Store|Elastic IP|Price List|(?:VPC )?Reachability Analyzer|Ubuntu LTS"
)
WORDS = re.compile(r"(?<![\w.:/@#=$*-])[A-Za-z][A-Za-z']*(?: [A-Za-z][A-Za-z']*)+(?![\w./:@=*-])")


def english_in(printed: str) -> list[str]:
    """Return the lines with English that no name and no command is, each with what was found."""
    found = []
    for line in printed.splitlines():
        plain = re.sub(NAMES, "_", COMMAND.sub("_", line))
        if words := WORDS.search(plain):
            found.append(f"{words[0]!r} in {line.strip()!r}")
    return found
