"""The composition root: the only package that opens adapters, each when it is first needed.

Everything else is handed what it works with. A command that only prints help imports none of this.
"""
