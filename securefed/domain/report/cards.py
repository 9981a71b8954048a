"""Sections 10 and 11: measured quality, and what is known of models and data."""

from securefed.domain.claims import NOT_EVIDENCED, ClaimRegister, Grounds
from securefed.domain.identifiers import DatasetId
from securefed.domain.report.model import (
    Block,
    Cell,
    Claims,
    Line,
    Remark,
    Section,
    Table,
    line,
    table,
)
from securefed.domain.report.subject import Subject, steps_of
from securefed.domain.report.wording import at, derived, listed, unit_of


def utility(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 10."""
    return Section(
        10,
        "Utility and subgroups",
        (
            Claims(register.of_section(10, grounds)),
            Remark(
                "A ledger holds no metric's value, only that noisy counts were released and "
                "charged. Whoever runs the study has the values."
            ),
            _metrics(subject),
        ),
    )


def cards(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 11."""
    blocks: list[Block] = [Claims(register.of_section(11, grounds)), _models(subject)]
    for dataset in subject.datasets:
        blocks += [_data_card(subject, dataset), _columns(subject, dataset)]
    return Section(11, "Model card and data cards", tuple(blocks))


def _metrics(subject: Subject) -> Table:
    lines = []
    for story in subject.approved:
        part, study = story.request.part, story.request.study
        own = [one for other, one in subject.committed if other is story]
        values = Cell("not in the ledger", NOT_EVIDENCED)
        if part.metrics is None:
            source = at(story.filed.entry)
            cells = (Cell("none are measured", source), Cell("0", source), values)
        else:
            entries = derived([one.entries[-1] for one in own]) or at(story.filed.entry)
            paid = Cell(steps_of(part.metrics), at(story.filed.entry))
            cells = (paid, Cell(f"{len(own)}", entries), values)
        lines.append(Line(study.study, cells))
    return table(
        "Metrics measured at the site",
        ("study", "mechanism of a set", "sets released", "values, and subgroups"),
        lines,
        empty="Nothing was approved.",
    )


def _models(subject: Subject) -> Table:
    lines = []
    for story in subject.approved:
        study = story.request.study
        recipe = study.recipe
        lines.append(
            line(
                study.study,
                at(story.filed.entry),
                f"{study.model.family}, {study.model.parameters:,} trained parameters",
                f"{recipe.name} {recipe.version}",
                listed((f"{one.name} = {one.value}" for one in recipe.parameters), "none"),
                "none" if recipe.own_code is None else recipe.own_code.short(),
                study.purpose,
                listed(one.site for one in study.participants),
            )
        )
    return table(
        "Models",
        ("study", "model", "recipe", "settings", "own code", "purpose", "trained at"),
        lines,
        empty="Nothing was approved.",
    )


def _data_card(subject: Subject, dataset: DatasetId) -> Table:
    card, source = subject.card(dataset)
    values = (
        ("title", card.title),
        ("version of the card", str(card.version)),
        ("origin", card.origin),
        ("licence", card.licence),
        ("purposes", listed(card.purposes)),
        ("records", f"{card.records:,}"),
        ("privacy unit", f"one {unit_of(card.unit)}, {card.units:,} of them"),
        ("data", card.data),
        ("mock", card.mock),
    )
    lines = (line(label, source, value) for label, value in values)
    return table(f"Data card of {dataset}", ("what", "value"), lines)


def _columns(subject: Subject, dataset: DatasetId) -> Table:
    card, source = subject.card(dataset)
    lines = (line(one.name, source, one.type, one.meaning) for one in card.columns)
    return table(f"Columns of {dataset}", ("column", "type", "meaning"), lines)
