"""Measurements of securefed, one subject a file, each beside a peer where there is one."""
