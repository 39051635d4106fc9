"""Packaged systems: host, guest, product, stoichiometry and documented priors, one TOML file each."""
