"""How often a program of ours looks for garbage.

Loading PySyft or torch makes half a million objects that live as long as the process, and Python by
itself looks through them hundreds of times meanwhile: a tenth of a site's start. It promises the
same collection, less often; nothing is kept that would have gone.
"""

import gc

# So many new objects, so many rounds among the young, so many among the older.
_SELDOM = (50_000, 20, 20)


def look_seldom() -> None:
    """From now on, in this process."""
    gc.set_threshold(*_SELDOM)
