"""The deployed bastion: is it on, why did its first boot fail, and a shell on it."""
