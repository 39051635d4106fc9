"""`cxkinetics app`: the page for the bench."""

import argparse
import contextlib
import sys

EXAMPLE = "cxkinetics app"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add port and browser."""
    parser.description = (
        f"{parser.description}. Nothing leaves this machine; Ctrl-C ends it and deletes uploads."
    )
    text = "port on 127.0.0.1 (default: any that is free)"
    parser.add_argument("--port", type=int, default=0, metavar="N", help=text)
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from cxkinetics.app.server import serve

    def ready(address: str) -> None:
        if args.json:
            import json

            print(json.dumps({"schema": "cxkinetics.app/1", "address": address}), flush=True)
        else:
            print(f"{address} (Ctrl-C ends it and deletes what was uploaded)", flush=True)
        if not args.no_browser:
            import webbrowser

            webbrowser.open(address)

    with contextlib.suppress(KeyboardInterrupt):  # the usual end
        serve(args.port, ready)
    sys.stderr.write("ended; what was uploaded is deleted\n")
    return 0
