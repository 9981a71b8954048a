"""securefed: organisations train one model on data that never leave them, and can prove it.

Importing this package loads nothing heavy: no torch, no syft, no web framework. The parts are
`domain` (what is decided), `steps` (in which order), `adapters` (with which library) and `cli`.
"""

__version__ = "0.1.0"
