"""PySyft 0.9.5 as a site's front: launching it, the door before it, its certificate, its client.

Each module is imported when it is needed: the first one that needs PySyft takes seconds to load.
"""
