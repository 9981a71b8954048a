"""The world behind the ports: one folder for each wrapped library or part of the machine.

An adapter knows its library and no other adapter. Only `securefed.wiring` imports from here, and
only when a command needs it, so that `securefed --help` loads none of these libraries.
"""
