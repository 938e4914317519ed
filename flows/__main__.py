"""`python -m flows` and the `weisu` command."""
import sys


def main() -> None:
    from flows import runtime
    runtime.prepare()
    from flows.cli import run
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
