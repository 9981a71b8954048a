"""A data card from an owner's description and what the files themselves say."""

from securefed.config import CardDraft
from securefed.domain.site import DataCard
from securefed.ports import DataMeter


def measured_card(draft: CardDraft, version: int, meter: DataMeter) -> DataCard:
    """The card; the mock must have the same columns as the data."""
    data = meter.measure(draft.data, draft.columns, draft.unit)
    mock = meter.measure(draft.mock, draft.columns, draft.unit)
    return draft.card(
        version=version,
        records=data.records,
        units=data.units,
        data=data.digest,
        mock=mock.digest,
    )
