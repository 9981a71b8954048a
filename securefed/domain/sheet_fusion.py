"""Private fusion as lines of a review plan and of a model's card. Every leaf of it appears."""

from securefed.domain.fusion import Fusion


def fusion_lines(fusion: Fusion | None) -> tuple[str, ...]:
    """Who votes on what, and what one unit can change; nothing where nobody votes."""
    if fusion is None:
        return ()
    columns = ", ".join(f"{one.name} ({one.type})" for one in fusion.columns)
    return (
        f"votes of {fusion.teachers:,} teachers on {fusion.records:,} public records; a teacher "
        "learns from its part of the units and stays at the site",
        f"one unit changes one teacher, which moves the counts by √(2·{fusion.records}) = "
        f"{fusion.least_clip:f} at most, not above C; one Gaussian release of all counts",
        f"public records {fusion.queries}, {fusion.digest.short()}, read as {columns}",
        f"class {fusion.target}: {', '.join(fusion.classes)}; {fusion.epochs} epochs, "
        f"{fusion.batch} records a step, for teachers and student",
    )


def student_lines(fusion: Fusion, clear: int, sites: int) -> tuple[str, ...]:
    """What the student of a study was made of."""
    return (
        f"a student of the noised votes of {sites} sites on {fusion.records:,} public records, of "
        f"which {clear:,} lead by twice the noise or more",
        "it saw public records and those answers alone: its guarantee is that of the votes, and "
        "nothing that is done with it changes that",
    )
