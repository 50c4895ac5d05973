"""Each command of the guide works as it stands, in bash and in zsh, in the order of its chapter, on the local AWS.

A box is run by the test unless it says where else it belongs: ``real`` (an account), ``bastion`` (a booted machine),
``pc`` (it installs something) or ``instead`` (what test_exercises.py tries). A box of text right behind one is what it
prints, with ... for what varies.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from awscli.completer import Completer

from lab.checks import all_checks
from lab.checks import command as with_ids
from lab.guide.blocks import shell as as_shell
from lab.guide.book import Chapter, file_of, read
from lab.guide.experiments import EXPERIMENTS, Experiment
from lab.guide.faults import begun
from lab.template.deployed import Deployed
from lab.terminal.language import LANGUAGES
from stacks.settings import Settings
from tests.conftest import ROOT
from tests.local_aws.server import deployer, local_aws_in
from tests.local_aws.test_exercises import MENDED

BOX = re.compile(
    r"^```sh(?P<where>[ \w]*)\n(?P<lines>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
ELSEWHERE = {
    "bastion": r"bastion|踏み台",
    "real": r"real account|本物のアカウント",
    "pc": r"(?i)macOS|Linux|bash|zsh",
    "instead": r"instead|代わりに",
}
# What the guide says of a command's output: the first time that it runs in a chapter, the second, ...
SAYS = {
    3: {
        "python -m lab verify": ["expected: learning-private-1: 0.0.0.0/0 to NAT gateway"],
        "python -m lab exercise 3": [r"done[^#]*There is no way|open", "done"],
        "python -m lab reach internet private-host 22": ["✗"],
        "python -m lab reach bastion private-host 22": ["✓", "✓"],
        "python -m lab reach private-host internet 443 --reply": [r"NAT gateway public-1.*internet gateway.*reply"],
        "python -m lab reach private-host internet 443": ["✗.*NO_ROUTE"],
        "python -m lab reach private-host s3 443": ["✓.*S3 gateway endpoint"],
        "python -m lab reach bastion private-host 8080": ["✗.*security group bastion.*outbound rule.*inbound rule"],
        "python -m lab reach bastion private-host 8080 --reply": ["✓.*reply", "✗.*the reply.*network ACL private"],
    },
    4: {
        "aws iam get-group --group-name $GroupName --query 'Users[].UserName'": ["alice.*bob"],
        "aws sts get-caller-identity --query Arn --output text": ["user/alice"],
        "aws ec2 stop-instances --instance-ids $InstanceId --dry-run": ["UnauthorizedOperation", "DryRunOperation"],
        "aws ec2 delete-security-group --group-id $WebGroupId --dry-run": ["UnauthorizedOperation"],
        "python -m lab exercise 4": ["done", "done.*done"],
    },
    5: {
        "cdk deploy LearningStack -c instance_type=t3.small": [""],
        "aws ec2 describe-images --image-ids $image --query 'Images[].[Name,Architecture]' --output text": [
            "ubuntu/images/"
        ],
    },
    6: {
        "python -m lab cost --region ap-northeast-1 --gets 30000000": [r"11\.10"],
        "aws s3api head-object --bucket $BucketName --key diary.txt --query StorageClass": ["GLACIER_IR"],
        "python -m lab cost --archive-gb 100 --archived-objects 1000": ["Bucket: archive  .*0.36"],
    },
    9: {
        "aws s3api head-object --bucket $BucketName --key hello.txt --query Metadata": ["33188"],
        "aws s3 cp s3://$BucketName/hello.txt -": ["hello\n"],
    },
    11: {"aws s3 cp s3://$BucketName/about.txt -": ["i-"]},
    12: {
        "python -m lab reach 203.0.113.7 bastion 443": ["✓"],
        "python -m lab verify": [
            "found:",
            "claims hold",
            "found: in 90: deny tcp 0-65535 from 198.51.100.66/32",
            "claims hold",
        ],
        "python -m lab exercise 12": ["done.*done", "Not mended"],
        "python -m lab reach 198.51.100.66 web@public-1 443": ["✗"],
        "python -m lab reach web@public-1 198.51.100.66 443 --reply": ["✗.*the reply.*90"],
    },
}
SEED = 5
MAY_END_WITH_ANY_STATUS = re.compile(r"python -m lab (verify|exercise)\b|.*--dry-run$")
SHELLS = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f", "-i"]}  # zsh takes no # for a comment where a person types


@dataclass(frozen=True)
class Printed:
    status: int
    out: str
    err: str


class Shell:
    """A shell that goes on from one command to the next, as a person's does."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str], sockets: dict[str, Path]) -> None:
        self.outputs = folder.parent / "out", folder.parent / "err"
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        client = shlex.join([sys.executable, "-ISE", str(ROOT / "tests/local_aws/warm_client.py")])
        self.run(f'aws() {{ {client} {sockets["aws"]} "$@"; }}')
        self.run(f'python() {{ [ "$1 $2" = "-m lab" ] && shift 2 && {client} {sockets["lab"]} lab "$@"; }}')

    def run(self, command: str) -> Printed:
        """Run a command in this very shell, and return its status and what it printed."""
        out, err = self.outputs
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f'{{ {command}\n}} > {out} 2> {err} < /dev/null\necho "status $?"\n')
        self.process.stdin.flush()
        for line in self.process.stdout:
            if found := re.search(r"status (\d+)$", line):
                return Printed(int(found[1]), out.read_text(), err.read_text())
        raise AssertionError(f"the shell ended at: {command}\n{err.read_text()}")


class Account:
    """A local AWS with its stacks, and a shell that is pointed at it."""

    def __init__(self, name: str, folder: Path, assembly: Callable[..., Path], until: ExitStack) -> None:
        self.name = name
        self.folder = folder / "project"
        self.home = folder / "home"
        for each in (self.folder, self.home):
            each.mkdir()
        until.enter_context(local_aws_in(self.folder / ".local-aws"))
        self.assembly = assembly
        self.there: dict[str, dict[str, Any]] = {}
        self.deploy = deployer(assembly, self.there)
        self.deploy("LearningStack")
        sockets = {}
        for program in ("aws", "lab"):
            sockets[program] = folder / program
            warm = subprocess.Popen(
                [sys.executable, "-m", "tests.local_aws.warm", program, str(sockets[program])],
                cwd=ROOT,
                env=environment(self.home),
                stdout=subprocess.PIPE,
                text=True,
            )
            until.callback(warm.wait)
            until.callback(warm.kill)
            assert warm.stdout
            until.callback(warm.stdout.close)
            assert warm.stdout.readline() == "ready\n"
        self.shell = Shell(SHELLS[name], self.folder, environment(self.home), sockets)
        until.callback(self.shell.process.communicate)
        assert self.run("source .local-aws/env").status == 0
        assert self.run('eval "$(python -m lab guide --variables)"').status == 0

    def run(self, command: str) -> Printed:
        """Run a command of the guide, the CDK's by the API alone: its CLI has tests of its own."""
        if not command.startswith("cdk "):
            # What a person types where a command asks, and the seed that has chance break what chapter 3 shows.
            return self.shell.run(re.sub(r"^(python .* --begin)$", rf"echo break | \1 --seed {SEED}", command))
        cdk, _, rest = command.partition(" && ")
        _, verb, *words = shlex.split(cdk)
        context = dict(each.split("=") for each in words[words.index("-c") + 1 :: 2]) if "-c" in words else {}
        chosen = Settings.from_context(context)
        settings = {name: getattr(chosen, name) for name in context}
        stack = next((each for each in words if each.endswith("Stack")), "LearningStack")
        link = self.folder / "cdk.out"
        link.unlink(missing_ok=True)
        link.symlink_to(self.assembly(**settings))
        if verb == "deploy":
            self.deploy(stack, **settings)
        elif verb == "destroy":
            cloudformation = Deployed(stack).cloudformation
            cloudformation.delete_stack(StackName=stack)
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)
            del self.there[stack]
        else:
            assert verb in ("diff", "synth")
        return self.shell.run(rest) if rest else Printed(0, "", "")

    def files(self) -> set[str]:
        return {each.name for folder in (self.folder, self.home) for each in folder.iterdir()} - {"cdk.out"}


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "PS1": "",
        "COLUMNS": "200",
    }


def boxes(chapter: Chapter) -> list[re.Match[str]]:
    """Return the boxes of a chapter, but for those of claims."""
    return list(BOX.finditer(re.sub(r"<!-- claims.*?<!-- end -->", "", chapter.text, flags=re.DOTALL)))


@pytest.fixture(scope="module", params=[pytest.param(name, id=f"part{n}-{name}") for n, name in enumerate(SHELLS, 8)])
def account(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, assembly: Callable[..., Path]
) -> Iterator[Account]:
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param}")
    with ExitStack() as until:
        yield Account(request.param, tmp_path_factory.mktemp(request.param), assembly, until)


@pytest.mark.parametrize("chapter", read("en"), ids=lambda chapter: str(chapter.numbers[0]))
def test_the_commands_of_a_chapter_work_in_order(account: Account, chapter: Chapter) -> None:
    number = chapter.numbers[0]
    says = {command: iter(texts) for command, texts in SAYS.get(number, {}).items()}
    files = account.files()
    printed = ""
    for box in boxes(chapter):
        if box["where"].strip():
            continue
        before, printed = printed, ""
        for command in box["lines"].splitlines():
            if "policy.json" in command and "put-user-policy" in command:
                write_policy(account, before)
            if command == "python -m lab start":
                time.sleep(1)  # EC2 tells launches apart by the second
            done = account.run(command)
            printed += done.out
            assert done.status == 0 or MAY_END_WITH_ANY_STATUS.match(command), f"{command}\n{done}"
            if command in says:
                expected = next(says[command])
                assert re.search(expected, done.out + done.err, re.DOTALL), f"{command}\n{done}"
        if f"exercise {number} --begin" in box["lines"] and number != 3:  # whose own commands mend it
            stack, operators = (
                Deployed(name) for name in ("LearningStack", "OperatorsStack" if number == 4 else "LearningStack")
            )
            fault = begun(number, stack)
            assert fault
            MENDED[fault.id](stack, operators)
            assert account.run(f"python -m lab exercise {number}").out.count("done") > printed.count("done")
        if box["shown"]:
            pattern = re.escape(box["shown"]).replace(re.escape("...\n"), "(?:.*\n)*")
            assert re.fullmatch(pattern, printed), printed
    assert [command for command, texts in says.items() if next(texts, None) is not None] == []
    assert account.files() == files
    assert account.run("python -m lab verify").status == 0


def write_policy(account: Account, printed: str) -> None:
    """Write what chapter 4 has the reader write, of what the box before has printed."""
    number, region, *hosts = printed.splitlines()[-1].split()
    arns = [f"arn:aws:ec2:{region}:{number}:instance/{host}" for host in hosts]
    assert len(arns) == 2
    view = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
    change = {"Effect": "Allow", "Action": ["ec2:StartInstances", "ec2:StopInstances"], "Resource": arns}
    (account.home / "policy.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": [view, change]}))


@pytest.mark.parametrize("each", EXPERIMENTS, ids=lambda each: each.id)
def test_an_experiment_shows_what_it_says(account: Account, each: Experiment) -> None:
    broken = account.run(each.command)
    seen = [account.run(command) for command in each.observe]
    if each.undo:
        undone = account.run(each.undo)
        assert undone.status == 0, undone
    for printed, shown in zip([broken, *seen], SHOWN[each.id], strict=True):
        assert re.search(shown, printed.out + printed.err, re.DOTALL), printed


# What the commands of an experiment print, the one that breaks first.
SHOWN = {
    "another-region": ["vpc-", r"^vpc-\w+\n$", r"^vpc-\w+\n$"],
    "no-route": ["", "✗.*NO_ROUTE", "✓", "✓", "expected: learning-private-1: 0.0.0.0/0"],
    "forgotten-subnet": ["subnet-", "local", "✗.*NO_ROUTE"],
    "explicit-deny": [
        "",
        "GetObject\texplicitDeny.*PutObject\tallowed.*DeleteBucket\timplicitDeny",
        "found: inline policy",
    ],
    "stopped": ["is stopped", "stopped", r"\d\ti-", "NAT gateway.*Disk of learning-bastion.*t3.micro[^\n]* 0.00"],
    "without-nat": ["", r"Idle[^\n]* 1[0-9]\.", "✗", "✓.*S3 gateway endpoint"],
    "public-object": ["AccessControlListNotSupported", "BucketOwnerEnforced", "^(?!.*open.txt)"],
    "deleted-object": ["delete:", "^$", "lost.txt.*6.*false.*lost.txt.*true"],
    "wrong-letter": ["^\\s*$", "^i-"],
    "dry-run": ["DryRunOperation", "running"],
    "stateful": ["Return", "✓.*reply.*a reply: groups are stateful", "✗.*security group web has no outbound rule"],
    "stateless": ["", "✗.*the reply", "expected: out 200"],
    "too-late": ["", "✓.*inbound 130", "found: in 210"],
}


def test_iam_takes_the_policies_that_the_guide_shows(account: Account) -> None:
    shown = [
        re.findall(r"^```json\n(.*?)^```$", file_of(language).read_text(), re.DOTALL | re.MULTILINE)
        for language in LANGUAGES
    ]
    assert shown[0] == shown[1]
    iam = account.deploy("LearningStack").iam
    for number, text in enumerate(shown[0]):
        document = json.loads(text)
        if "Statement" not in document:
            document = {"Version": "2012-10-17", "Statement": [document]}
        made = iam.create_policy(PolicyName=f"shown-{number}", PolicyDocument=json.dumps(document))
        iam.delete_policy(PolicyArn=made["Policy"]["Arn"])


def test_the_commands_of_the_claims_work(account: Account) -> None:
    assert account.run("python -m lab verify").status == 0, "an experiment was not undone"
    account.deploy("LearningStack", private_host=True, stop_at="19:00", start_at="09:00")
    account.deploy("OperatorsStack", operators=("alice", "bob"))
    account.deploy("BudgetStack", monthly_budget_usd=20, alert_email="you@example.com")
    assert account.run('eval "$(python -m lab guide --variables)"').status == 0
    for stack in ("LearningStack", "OperatorsStack", "BudgetStack"):
        deployed = Deployed(stack)
        for check in all_checks(stack):
            command = as_shell(check.command)
            words = account.run(f"printf '%s\\n' {command}").out.splitlines()
            assert words == shlex.split(with_ids(check, deployed)), "a shell makes other words of it"
            if account.name == "zsh" or not shutil.which("zsh"):  # once is enough: the words are the same
                done = account.run(command)
                assert done.status == 0 or check.claim.startswith("In a real account"), f"{command}\n{done}"
                if done.status == 0 and check.when(deployed):  # what one is to look at is there
                    assert [field for field in check.field.split(", ") if field not in done.out] == [], (
                        f"{command}\n{done}"
                    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_a_box_belongs_is_said_before_it(language: str) -> None:
    for chapter in read(language):  # type: ignore[arg-type]
        for box in boxes(chapter):
            assert "#" not in box["lines"], "no shell of a person takes comments"
            if where := box["where"].strip():
                said = (
                    re.sub(r"<!-- claims.*?<!-- end -->", "", chapter.text, flags=re.DOTALL)[: box.start()]
                    .rstrip()
                    .split("\n\n")[-1]
                )
                assert re.search(ELSEWHERE[where], said), said


def test_tab_completes_what_the_guide_types() -> None:
    [chapter] = [each for each in read("en") if each.numbers == (11,)]
    typed = re.search(r"```text\n(aws .*)\n", chapter.text)
    assert typed
    found = Completer().complete(typed[1], len(typed[1]))
    assert {"describe-images", "describe-instances", "describe-internet-gateways"} <= set(found)
