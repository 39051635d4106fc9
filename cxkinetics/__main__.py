"""`python -m cxkinetics` is the command `cxkinetics`."""

from cxkinetics.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
