"""Readers: from a file of any instrument to signals with units; and whole-or-nothing writing."""
