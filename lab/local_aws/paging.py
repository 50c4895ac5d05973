"""EC2's lists in pages: ``MaxResults`` and ``NextToken``, which ministack overlooks.

Source: https://docs.aws.amazon.com/AWSEC2/latest/DeveloperGuide/ec2-api-pagination.html
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from ministack.services import ec2

from lab.local_aws import wire
from lab.local_aws.rules.pages import comes_in_pages
from lab.local_aws.rules.quotas import quota


def page_lists() -> None:
    """Let every Describe action of EC2 answer page by page."""
    for action, handler in ec2._ACTION_MAP.items():
        if action.startswith("Describe"):
            ec2._ACTION_MAP[action] = _paged(action, handler)


def _paged(action: str, handler: wire.Handler) -> wire.Handler:
    def describe(params: Mapping[str, Any]) -> wire.Answer:
        request = wire.tree(params)
        if any(isinstance(value, list) for name, value in request.items() if name != "Filter"):
            return handler(params)  # what is asked for by its id comes whole
        size = int(request.get("MaxResults") or quota("page"))
        start = _start(request.get("NextToken", ""))
        if start is None:
            refused: wire.Answer = ec2._error("InvalidNextToken", "The token is invalid.", 400)
            return refused
        rest = {name: value for name, value in params.items() if name not in ("MaxResults", "NextToken")}
        status, headers, body = handler(rest)
        if status >= 400 or (not start and body.count(b"<item") <= size):  # nearly every answer is one page
            return status, headers, body
        root = wire.parse(body)
        for listed in root:
            items = listed.findall("item")
            if (len(items) > start + size or (items and start)) and comes_in_pages(action):
                for item in (*items[:start], *items[start + size :]):
                    listed.remove(item)
                more = len(items) > start + size
                wire.put(
                    root, {"nextToken": base64.urlsafe_b64encode(b"%d" % (start + size)).decode() if more else None}
                )
                return status, headers, ET.tostring(root)
        return status, headers, body

    return describe


def _start(token: str) -> int | None:
    """Return where a page begins, or None for a token that was never given."""
    try:
        return int(base64.urlsafe_b64decode(token) or 0)
    except (ValueError, binascii.Error):
        return None
