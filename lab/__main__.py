"""``python -m lab``."""

try:
    from lab.cli import main
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed here. Run: make setup && source .venv/bin/activate") from None

main()
