"""Reading: from a file of any instrument, or a folder of them, to signals with units."""
