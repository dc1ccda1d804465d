"""From TOML tables to one validated configuration."""
