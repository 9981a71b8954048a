"""What a study begins with, as lines of a review plan."""

from securefed.domain.exported import start_of
from securefed.domain.study import Recipe

_CARRIES = "it carries what its own studies gave away, which its card says"


def start_lines(recipe: Recipe) -> tuple[str, ...]:
    """The exported model, by its folder and digest; nothing for the recipe's own weights."""
    start = start_of(recipe)
    if start is None:
        return ()
    return (f"begins with the exported model {start.folder}, {start.digest}; {_CARRIES}",)
