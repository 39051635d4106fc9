"""The verb of the mechanism."""
