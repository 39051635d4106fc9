"""Models: pure formulas of named arrays that know nothing of files, plots or optimisers."""
