"""The verb of evidence."""
