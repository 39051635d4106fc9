"""The verb of the page."""
