"""What the guide has its readers type on the bastion does there what the guide says."""

import re

import boto3
import pytest

from lab.guide.book import read
from lab.rehearsal.rehearsal import Rehearsal

pytestmark = pytest.mark.boot
# What the commands of a box print, by how the box begins.
SHOWN = {
    "id ubuntu": r"uid=1000\(ubuntu\) gid=1000.*-rwx.*rc\.local.*keep-s3-mounted.*Type=forking.*\nactive\n.*\s64P\s",
    ". /etc": r"\s64P\s.*/mnt/by-hand\nhello$",
    "for i": r"^20 /mnt/s3/log\.txt$",
}


def boxes() -> list[str]:
    text = "".join(chapter.text for chapter in read("en"))
    return re.findall(r"^```sh bastion\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("box", [each for each in boxes() if "odd" not in each], ids=lambda box: box.split("\n")[0])
def test_a_box_for_the_bastion_works(fast_bastion: Rehearsal, box: str) -> None:
    done = fast_bastion.machine.run("set -e\n" + box)
    assert done.ok, done
    [shown] = [shown for start, shown in SHOWN.items() if box.startswith(start)]
    assert re.search(shown, done.text, re.DOTALL), done


def test_a_key_that_is_no_path_hides_the_others(fast_bastion: Rehearsal) -> None:
    [box] = [each for each in boxes() if "odd" in each]
    s3 = boto3.client("s3")
    for key in ("odd/good", "odd/./x"):
        s3.put_object(Bucket=fast_bastion.bastion.bucket, Key=key)
    assert "Operation not permitted" in fast_bastion.machine.run(box).errors


def test_tab_completes_on_the_bastion(fast_bastion: Rehearsal) -> None:
    done = fast_bastion.machine.run("bash -lc 'complete -p aws'")
    assert "aws_completer" in done.text, done
