"""Tests of cxkinetics; `tests.studies` holds the statistical studies behind its figures."""
