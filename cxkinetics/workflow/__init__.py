"""Workflow: from files to fits to folders of results, one at a time or many in parallel."""
