"""The pure core: what is decided, and nothing else. Standard library only; no I/O, clock or chance."""
