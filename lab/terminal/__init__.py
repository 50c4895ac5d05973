"""What every command has in common: how it speaks to the person at the terminal, and how it fails."""
