"""Would a deploy work from here: found out before it fails half-way."""
