"""Report: text, tables, figures and HTML made from results."""
