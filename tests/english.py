"""English in what is printed in Japanese: two words or more that are no names, ids or commands."""

import re

# A command, and what may follow it: to the end of what is ASCII.
COMMAND = re.compile(
    r"(?:(?:python|lab|make|cdk|aws|git|source|sudo|apt-get|cat|cd|curl|df|echo|eval|export|nft|rm|ssh|systemctl|tcpdump)\b"
    r"|alias aws|--?\w[\w-]*(?=[ =]))[\x20-\x7e]*"
)
# Names of AWS, of its console and of programs, and what AWS or IAM says itself.
NAMES = """
AWS CLI|CDK CLI|Session Manager|Parameter Store|Elastic IP|Price List|(?:VPC )?Reachability Analyzer|Security credentials
|Ubuntu LTS|Flow Logs|AWS SDK|NAT gateways?|USD/GB|SSE-S3|(?:Block|Ignore|Restrict)Public\\w+ (?:True|False)|(?:Allow|Deny) [\\x20-\\x7e]*
|COMMAND \\[ARGS\\]|\\[OPTIONS\\][\\x20-\\x7e]*|ACTIVE, ALL|GREATER_THAN [\\x20-\\x7e]*|MONTHLY COST|PUT, LIST, COPY
|ACL (?:public|private)|icmp echo(?: reply)?|CloudFormation [A-Z]\\w+|Amazon EC2
""".replace("\n", "").strip()
WORDS = re.compile(r"(?<![\w.:/@#=$*-])[A-Za-z][A-Za-z']*(?: [A-Za-z][A-Za-z']*)+(?![\w./:@=*-])")


def english_in(printed: str) -> list[str]:
    """Return the lines with English that no name and no command is, each with what was found."""
    found = []
    for line in printed.splitlines():
        plain = re.sub(NAMES, "_", COMMAND.sub("_", line))
        if words := WORDS.search(plain):
            found.append(f"{words[0]!r} in {line.strip()!r}")
    return found
