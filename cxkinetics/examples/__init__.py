"""Examples: packaged data with provenance."""

from cxkinetics.examples.load import example_path, load_example

__all__ = ["example_path", "load_example"]
