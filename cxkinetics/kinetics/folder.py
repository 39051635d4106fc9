"""What rooms still take from here until they use `cxkinetics.document` themselves."""

from cxkinetics.document.folder import require_no_file, require_replaceable

__all__ = ["require_no_file", "require_replaceable"]
