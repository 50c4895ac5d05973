"""How the tests read templates."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from aws_cdk.assertions import Template


def properties(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of each resource of a type, by logical id."""
    return {name: dict(resource.get("Properties", {})) for name, resource in template.find_resources(kind).items()}


def tag(resource: dict[str, Any], key: str) -> str | None:
    """Return the value of a tag, or None."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}.get(key)


def files_in(user_data: str) -> list[dict[str, str]]:
    """Return the path, mode and content of each file that the bastion's user data writes, as bash reads it."""
    with tempfile.TemporaryDirectory() as folder:
        # It says what it would do, and runs nothing.
        put = f'put() {{ n=$((n + 1)); echo "$1 $2" > {folder}/$n.to; cat > {folder}/$n; }}'
        head, _, puts = user_data.partition("\nput ")
        (unfold,) = [line for line in head.splitlines() if line.startswith("unfold() {")]
        # In no pipe, where a shell of its own would count.
        unfold = unfold.replace("tr '`' '\\n' | put \"$@\"", "put \"$@\" < <(tr '`' '\\n')")
        script = f"{put}\n{unfold}\nput {puts.rpartition('END' + chr(10))[0]}END\n"
        subprocess.run(["bash", "-euc", script], check=True, env={"n": "0", "PATH": "/usr/bin:/bin"})
        found = []
        for number in range(1, len(list(Path(folder).glob("*.to"))) + 1):
            mode, path = (Path(folder) / f"{number}.to").read_text().split()
            found.append({"path": path, "mode": mode, "content": (Path(folder) / str(number)).read_text()})
        return found
