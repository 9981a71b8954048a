"""A data card from an owner's description and what the files themselves say."""

from pathlib import Path

from securefed.config import CardDraft
from securefed.domain.site import DataCard
from securefed.ports import DataMeter


def measured_card(draft: CardDraft, mock_file: Path, version: int, meter: DataMeter) -> DataCard:
    """The card; the mock must have the same columns as the data."""
    data = meter.measure(draft.data, draft.columns, draft.unit)
    mock = meter.measure(mock_file, draft.columns, draft.unit)
    if draft.folders:
        # As a run sees them, which no link leads away.
        folders = tuple(folder.resolve() for folder in draft.folders)
        meter.check_named(draft.data.resolve(), draft.columns, draft.unit, folders)
        meter.check_named(mock_file, draft.columns, draft.unit, (mock_file.parent,))
    return draft.card(
        version=version,
        records=data.records,
        units=data.units,
        data=data.digest,
        mock=mock.digest,
    )
