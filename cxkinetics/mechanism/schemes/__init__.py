"""Packaged mechanisms, one TOML file each."""
