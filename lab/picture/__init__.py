"""The architecture as a picture, drawn from a template."""
