"""How slow this machine is just now: what is promised in seconds is promised on one that has nothing else to do."""

import time

# What the work below takes on a machine of 2024 that has nothing else to do.
USUAL_SECONDS = 0.25


def slowness() -> float:
    """Return by how much longer a fixed piece of work takes than usual; never less than 1."""
    began = time.monotonic()
    for _ in range(15_000_000):
        pass
    return max(1.0, (time.monotonic() - began) / USUAL_SECONDS)
