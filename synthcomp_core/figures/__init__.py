"""Charts and publication figures."""
