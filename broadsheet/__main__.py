"""`python -m broadsheet` and the `broadsheet` command."""

from __future__ import annotations


def main() -> None:
    from broadsheet.cli import run

    run()


if __name__ == "__main__":
    main()
