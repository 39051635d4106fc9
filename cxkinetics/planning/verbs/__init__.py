"""The verb of planning."""
