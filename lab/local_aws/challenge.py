"""How a server proves whose it is: what asks and what answers compute the same. It imports nothing of ministack."""

import hashlib
import hmac


def response_to(secret: str, folder: str, question: str) -> str:
    """Return what only a server of this folder can answer to a question that was never asked before."""
    return hmac.new(secret.encode(), f"{folder}\n{question}".encode(), hashlib.sha256).hexdigest()
