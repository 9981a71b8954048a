"""The pure core: what is decided, and nothing else. Standard library; no I/O, clock or chance."""
