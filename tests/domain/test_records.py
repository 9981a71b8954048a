"""Records survive the round trip through bytes unchanged, and nothing else is read as one."""

import dataclasses
import threading
import types
import typing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.domain import records
from securefed.domain.event import LedgerEntry
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.records import (
    Record,
    from_bytes,
    from_plain,
    instant_text,
    record_digest,
    to_bytes,
    to_plain,
)
from securefed.domain.round import RoundId
from securefed.domain.site import Account, Machine
from securefed.domain.study import Participant
from securefed.errors import NotCanonical, RecordInvalid
from tests.domain.ledger_strategies import RECORDS

MOMENT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TRAINING = DpSgd(
    noise_multiplier=Decimal("1.1"),
    sampling_rate=Decimal("0.01"),
    sampling=Sampling.POISSON,
    steps=160,
    clip=Decimal(1),
)
PLAIN = {
    "kind": "dp-sgd",
    "noise_multiplier": "1.1",
    "sampling_rate": "0.01",
    "sampling": "poisson",
    "steps": 160,
    "clip": "1",
}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=15)
def test_every_record_comes_back_as_it_was(kind: type[Record], data: st.DataObject) -> None:
    record = data.draw(RECORDS[kind])
    stored = to_bytes(record)
    read = from_bytes(kind, stored)
    assert read == record
    assert type(read) is kind
    assert to_bytes(read) == stored


def test_every_class_that_an_entry_can_hold_is_made_by_some_strategy() -> None:
    alone = {kind for kind in _classes_in(LedgerEntry) if hasattr(kind, "kind")}
    assert alone <= set(RECORDS)


def _classes_in(wanted: typing.Any) -> set[type[Record]]:  # a class, or any annotation of one
    found: set[type[Record]] = set()
    pending = [wanted]
    while pending:
        one = pending.pop()
        if dataclasses.is_dataclass(one) and isinstance(one, type) and one not in found:
            found.add(one)
            pending.extend(typing.get_type_hints(one).values())
        elif typing.get_origin(one) in (typing.Union, types.UnionType, tuple):
            pending.extend(typing.get_args(one))
    return found


def test_the_plain_form_has_the_kind_and_exact_text() -> None:
    assert to_plain(TRAINING) == PLAIN
    assert from_plain(DpSgd, PLAIN) == TRAINING


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": None}, r"Expected int, found None \(DpSgd.steps\)"),
        ({"steps": True}, r"Expected int, found True \(DpSgd.steps\)"),
        ({"steps": "160"}, r"Expected int, found '160'"),
        ({"clip": 1}, r"Expected text, found 1 \(DpSgd.clip\)"),
        ({"clip": True}, r"Expected text, found True"),
        ({"sampling": "coin"}, r"'coin' is not a Sampling \(DpSgd.sampling\)"),
        ({"kind": "gaussian"}, r"Expected kind 'dp-sgd', found 'gaussian'"),
        ({"kind": None}, r"Expected kind 'dp-sgd', found None"),
        ({"steps": 0}, r"steps is 0; it must be between"),
        ({"noise_multiplier": "Infinity"}, "it must be finite"),
        ({"noise_multiplier": "-1.1"}, "it must be above 0"),
        ({"remark": "x"}, r"unknown remark \(DpSgd\)"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(change: dict[str, object], message: str) -> None:
    with pytest.raises(RecordInvalid, match=message):
        from_plain(DpSgd, typing.cast(dict[str, str], {**PLAIN, **change}))


@pytest.mark.parametrize("name", PLAIN)
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    fewer = {key: value for key, value in PLAIN.items() if key != name}
    with pytest.raises(RecordInvalid, match=f"missing {name}"):
        from_plain(DpSgd, typing.cast(dict[str, str], fewer))


@pytest.mark.parametrize("text", ["1.10", "1e0", "+1", " 1", "1_0", "NaN", "-Infinity", "١"])
def test_only_one_spelling_of_a_decimal_is_read(text: str) -> None:
    with pytest.raises(NotCanonical):
        from_plain(DpSgd, typing.cast(dict[str, str], {**PLAIN, "clip": text}))


def test_what_a_field_holds_is_checked_at_any_depth() -> None:
    plain = to_plain(
        Participant(
            site=typing.cast(typing.Any, "hospital-a"),
            dataset=typing.cast(typing.Any, "admissions"),
            training=TRAINING,
            metrics=None,
        )
    )
    assert isinstance(plain, dict)
    plain["training"] = {**PLAIN, "steps": False}
    with pytest.raises(RecordInvalid, match=r"\(Participant.training.steps\)"):
        from_plain(Participant, plain)


def test_objects_lists_and_kinds_are_told_apart() -> None:
    account = {"account": "dana", "key": "ed25519:" + "0" * 64, "roles": "owner"}
    with pytest.raises(RecordInvalid, match="Expected a list"):
        from_plain(Account, account)
    with pytest.raises(RecordInvalid, match=r"'pope' is not a Role \(Account.roles\[0\]\)"):
        from_plain(Account, {**account, "roles": ["pope"]})
    with pytest.raises(RecordInvalid, match="Expected an object"):
        from_plain(Account, [])
    entry = {"format_version": 1, "site": "a", "index": 0, "at": "2026-11-21T09:00:00Z"}
    entry["previous"] = "sha256:" + "0" * 64
    for event in ({"kind": "round-skipped"}, {"kind": 1}, {}, {"kind": ["decided"]}):
        with pytest.raises(RecordInvalid, match="Unknown kind"):
            from_plain(LedgerEntry, typing.cast(dict[str, str], {**entry, "event": event}))
    with pytest.raises(RecordInvalid, match="Expected an object"):
        from_plain(LedgerEntry, typing.cast(dict[str, str], {**entry, "event": "decided"}))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 09:00:00Z",
        "2026-11-21T09:00:00",
        "2026-11-21T09:00:00+00:00",
        "2026-11-21T9:00:00Z",
        "2026-02-30T09:00:00Z",
        "2026-11-21T09:00:60Z",
        "٢٠٢٦-11-21T09:00:00Z",
        "today",
        "",
    ],
)
def test_a_moment_has_one_spelling(text: str) -> None:
    entry = {"format_version": 1, "site": "a", "index": 0, "at": text, "event": {}}
    with pytest.raises(RecordInvalid, match="is not a moment in UTC"):
        from_plain(LedgerEntry, {**entry, "previous": "sha256:" + "0" * 64})


def test_a_moment_is_written_in_utc() -> None:
    elsewhere = datetime(2026, 11, 21, 11, 30, tzinfo=timezone(timedelta(hours=2, minutes=30)))
    assert instant_text(elsewhere) == instant_text(MOMENT) == "2026-11-21T09:00:00Z"


@pytest.mark.parametrize("moment", [MOMENT.replace(tzinfo=None), MOMENT.replace(microsecond=1)])
def test_a_moment_that_would_not_come_back_unchanged_is_not_written(moment: datetime) -> None:
    with pytest.raises(RecordInvalid, match="not a moment in UTC, to the second"):
        instant_text(moment)


@pytest.mark.parametrize("value", [1.5, [1], {"a": 1}, b"x", object()])
def test_what_has_no_plain_form_is_refused(value: object) -> None:
    with pytest.raises(RecordInvalid, match="cannot be stored"):
        to_plain(value)


def test_a_class_with_a_field_that_cannot_be_stored_is_a_defect() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Measured:
        value: float

    with pytest.raises(TypeError, match="records cannot hold"):
        from_plain(Measured, {"value": 1})


def test_a_digest_depends_on_the_kind_of_document() -> None:
    unit = PrivacyUnit(column="patient", bound=8)
    assert record_digest("unit", unit) != record_digest("data-card", unit)


def test_a_record_of_another_class_is_not_read() -> None:
    id = RoundId(request=typing.cast(typing.Any, "cr-" + "0" * 12), round=1, attempt=1)
    with pytest.raises(RecordInvalid, match="missing interpreter"):
        from_bytes(Machine, to_bytes(id))


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """A record that nobody has read before."""

    first: int
    second: RoundId


def test_threads_that_read_a_class_for_the_first_time_read_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[object] = []
    plain = to_plain(_Whole(first=1, second=RoundId(request="cr-0123456789ab", round=1, attempt=1)))
    made = records._reader

    def slowly(wanted: object) -> object:
        # Another thread comes while this one has prepared half of the class.
        if wanted is RoundId and not found:
            found.append(None)
            other = threading.Thread(target=lambda: found.append(from_plain(_Whole, plain)))
            other.start()
            other.join(20)
        return made(wanted)

    monkeypatch.setattr(records, "_reader", slowly)
    assert from_plain(_Whole, plain) == found[1]
