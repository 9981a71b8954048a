"""The means of what sites released: of each metric over those that have a value, in one order."""

from decimal import Decimal

from securefed.domain.identifiers import Line
from securefed.domain.run_order import NoisyMetric, NoisyMetrics, mean_metrics


def released(**values: str | None) -> NoisyMetrics:
    metrics = (
        NoisyMetric(name=Line(name), value=None if value is None else Decimal(value))
        for name, value in values.items()
    )
    return NoisyMetrics(metrics=tuple(metrics), tally=())


def test_a_metric_without_a_value_at_a_site_is_the_mean_of_the_others_in_its_place() -> None:
    first = released(accuracy="0.5", f1=None, auc="0.7", recall=None)
    second = released(accuracy="0.7", f1="0.25", auc="0.8", recall=None)
    means = mean_metrics([first, second])
    assert list(means) == ["accuracy", "f1", "auc"]
    assert means == {"accuracy": Decimal("0.6"), "f1": Decimal("0.25"), "auc": Decimal("0.75")}


def test_nothing_released_has_no_means() -> None:
    assert mean_metrics([]) == {}
