"""A site's datasets in PySyft: for each card a reference to ask for, and its mock to look at.

The reference holds names and no data, has no mock twin, and no data scientist reads it; it is what
a request is about. The mock is a dataset of its own, which every data scientist reads. A card
stands in its dataset's summary, whole. A dataset is listed last, when all its parts are there, so
that a process may die anywhere in between.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from securefed.adapters.syft_site.inside import Inside
from securefed.adapters.syft_site.pysyft import (
    UID,
    ActionObjectPermission,
    ActionPermission,
    Contributor,
    CreateAsset,
    CreateDataset,
    inline,
)
from securefed.domain.identifiers import DatasetId, SiteId
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.site import DataCard
from securefed.errors import NotCanonical, RecordInvalid

LARGEST_MOCK: Final = 2**20
_NAME = re.compile(r"([a-z0-9-]+)@([0-9]+)( mock)?", re.ASCII)
_WHOLE: Final = "whole"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A card's dataset in PySyft: the reference's id, and the mock's where it is there whole."""

    card: DataCard
    ref: UID
    mock: UID | None


def shown(datasets: Iterable[Any]) -> dict[DatasetId, Shown]:
    """The newest version of each dataset in PySyft's list; leaves out what is not one of ours."""
    listed = {one.name: one for one in datasets}
    found: dict[DatasetId, Shown] = {}
    for name, one in listed.items():
        card = _card(name, one)
        newer = card is not None and (
            card.dataset not in found or found[card.dataset].card.version < card.version
        )
        if card is not None and newer:
            mock = _asset(listed.get(f"{name} mock"))
            found[card.dataset] = Shown(
                card=card,
                ref=_asset(one).action_id,
                mock=mock.action_id if mock is not None and mock.name == _WHOLE else None,
            )
    return found


class Catalogue:
    """The datasets of one site, seen from inside."""

    def __init__(
        self, inside: Inside, site: SiteId, mock: Callable[[DataCard], bytes | None]
    ) -> None:
        self._inside = inside
        self._site = site
        self._mock = mock

    def references(self) -> dict[UID, DatasetId]:
        """Each reference that a request may be about, of old versions too."""
        cards = ((_card(one.name, one), one) for one in self._listed())
        return {_asset(one).action_id: card.dataset for card, one in cards if card is not None}

    def in_use(self) -> set[UID]:
        """All that the datasets consist of."""
        return {asset.action_id for one in self._listed() for asset in one.asset_list}

    def follow(self, cards: tuple[DataCard, ...], erased: frozenset[DatasetId]) -> None:
        """Adds what is missing and removes what is erased or not what its card says."""
        wanted = {_name(card): card for card in cards}
        there = set()
        for one in self._listed():
            parts = _NAME.fullmatch(one.name)
            card = wanted.get(one.name)
            gone = parts is None or DatasetId(parts[1]) in erased
            if gone or (card is not None and one.summary != _text(card)):
                self._inside.forget(asset.action_id for asset in one.asset_list)
                self._inside.call("dataset.delete", uid=one.id, delete_assets=False)
            else:
                there.add(one.name)
        for name, card in wanted.items():
            if f"{name} mock" not in there:
                self._add_mock(f"{name} mock", card)
            if name not in there:
                self._add_reference(name, card)

    def _listed(self) -> list[Any]:
        return list(self._inside.call("dataset.get_all"))

    def _add_reference(self, name: str, card: DataCard) -> None:
        held = {
            "site": str(self._site),
            "dataset": str(card.dataset),
            "version": card.version,
            "card": hashlib.sha256(to_bytes(card)).hexdigest(),
        }
        uid = self._put(held)
        self._list(name, _text(card), "reference", uid)

    def _add_mock(self, name: str, card: DataCard) -> None:
        content = self._mock(card)
        whole = content is not None and len(content) <= LARGEST_MOCK
        length = "of unknown length" if content is None else f"of {len(content)} bytes"
        uid = self._put(content if whole else {"digest": str(card.mock)})
        # Whoever may call at all may read it; a mock is public.
        self._inside.datasite.services.action.stash.add_permission(
            ActionObjectPermission(uid, ActionPermission.ALL_READ)
        )
        self._list(name, f"{card.mock} {length}", _WHOLE if whole else "digest", uid)

    def _put(self, held: object) -> UID:
        found = self._inside.call("action.set", action_object=inline(held))
        return found.id.id

    def _list(self, name: str, summary: str, asset: str, uid: UID) -> None:
        by = Contributor(name=str(self._site), email="site@site.example", role="Uploader")
        datasite = self._inside.datasite.id
        made = CreateAsset(name=asset, action_id=uid, server_uid=datasite, uploader=by)
        made.no_mock()
        dataset = CreateDataset(name=name, summary=summary, asset_list=[made], uploader=by)
        self._inside.call("dataset.add", dataset=dataset)


def _name(card: DataCard) -> str:
    return f"{card.dataset}@{card.version}"


def _text(card: DataCard) -> str:
    return to_bytes(card).decode("utf-8")


def _asset(dataset: Any) -> Any:
    return None if dataset is None else dataset.asset_list[0]


def _card(name: str, dataset: Any) -> DataCard | None:
    try:
        card = from_bytes(DataCard, (dataset.summary or "").encode("utf-8"))
    except (RecordInvalid, NotCanonical, UnicodeEncodeError):
        return None
    return card if name == _name(card) else None
