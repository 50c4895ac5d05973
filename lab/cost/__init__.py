"""Chapters 6 and 7 of the primer: what a template costs a month, reckoned before anything is deployed."""
