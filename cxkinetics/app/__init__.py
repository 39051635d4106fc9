"""A page for the bench: files are dropped, traces fitted, doses found, and all of it shown as commands."""

NAMES: dict[str, str] = {}
VERBS = {"app": "open a page in the browser: drop files, set t0, masks and models by hand, find doses"}
