"""What each learner is handed: one page in each language."""

import csv
from collections.abc import Iterator
from pathlib import Path

from lab.classroom.marks import PREFIX
from lab.terminal.language import LANGUAGES, N_, _, speaking
from lab.terminal.problem import ProblemError
from lab.terminal.written import write_whole

# With ``name``, ``stack``, ``user``, ``account`` and ``region`` of the learner.
PAGE = N_("""# {name}: your part of AWS

Your stack is **{stack}**, in {region}. It has a network, a bucket and a bastion of its own, and nobody else's work can
be changed from it, or by you.

1. Sign in at https://{account}.signin.aws.amazon.com/console as `{user}`, with the first password that you were given.
   Choose a new one, and set up an MFA device: your name at the top right, then Security credentials.
2. Let the AWS CLI have that session, and say once what is yours:

       aws login
       export AWS_REGION={region} LAB_STACK={stack}

   On the teacher's own machine, with the local AWS, these two lines do it instead:

       eval "$(python -m lab local as {user})"
       export LAB_STACK={stack}

3. Read a chapter, do its exercise, and see whether it is done:

       python -m lab guide 3
       python -m lab exercise 3

4. At the end, hand in what you did:

       python -m lab hand-in {learner}.json

You may look at everything in EC2, change rules and routes, stop and start the bastion, and write into the bucket.
Deploying, and making users (chapter 4), is the teacher's part. Where an exercise deploys a larger machine or another
rule, do it with the AWS CLI: `aws ec2 modify-instance-attribute` on the stopped bastion, and
`aws ec2 authorize-security-group-ingress`.
""")


def write(roster: Path, folder: Path, *, account: str, region: str) -> Iterator[Path]:
    """Write NAME.en.md and NAME.ja.md for each learner of a roster, and yield them.

    Raises ProblemError when the roster cannot be read, or the folder not be written.
    """
    learners = list(_read(roster))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProblemError(
            _("{file} cannot be written: {strerror}").format(file=folder, strerror=error.strerror)
        ) from None
    for learner, name in learners:
        for language in LANGUAGES:
            with speaking(language):
                text = _(PAGE).format(
                    name=name,
                    learner=learner,
                    stack=f"{PREFIX}{learner}",
                    user=f"learner-{learner}",
                    account=account,
                    region=region,
                )
            file = folder / f"{learner}.{language}.md"
            write_whole(file, text.encode())
            yield file


def _read(roster: Path) -> Iterator[tuple[str, str]]:
    """Yield the columns ``learner`` and, where there is one, ``name``: spreadsheets in Japan write cp932, too."""
    try:
        content = roster.read_bytes()
    except OSError as error:
        raise ProblemError(
            _("{file} cannot be read: {strerror}").format(file=roster, strerror=error.strerror)
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp932", errors="replace")
    for row in csv.DictReader(text.splitlines()):
        if not (learner := (row.get("learner") or "").strip()):
            said = _("{file} must have a column 'learner' with a name in each row. Example: learner,name")
            raise ProblemError(said.format(file=roster))
        yield learner, (row.get("name") or "").strip() or learner
