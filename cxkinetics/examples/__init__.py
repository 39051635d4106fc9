"""Examples: packaged data with provenance."""

from cxkinetics.examples.kinetics import example_path, load_example

__all__ = ["example_path", "load_example"]
