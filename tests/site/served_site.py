"""A whole site in a process of its own, for tests: `securefed site serve` on a free port.

site = ServedSite.made(tmp_path / "hospital-a")
with site.served():
    request = site.approved(study("pilot"))
    site.ask(request, TRAIN)

The people are dana, who asks, and olivia, who owns the site and decides by the library and not by
the program, which would take a second each time. The data are made up, one record a patient.
"""

import hashlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Final

import pytest

from securefed.adapters.blob_http import BlobClient
from securefed.adapters.site_folder import ServingNote, SiteFolder, find_serving
from securefed.adapters.syft_site.client import SiteClient
from securefed.domain.blob import SignedTicket, read_ticket
from securefed.domain.canonical import prefixed
from securefed.domain.errand import (
    Answers,
    Attempt,
    Deliver,
    Errand,
    Report,
    Standing,
    Ticketed,
    Train,
)
from securefed.domain.identifiers import AccountId, Digest, Line, RequestId, SiteId
from securefed.domain.records import to_bytes
from securefed.domain.request import REQUEST_KIND, CodeRequest, RequestState, SignedRequest
from securefed.domain.round import Round, RoundId
from securefed.domain.site import Account, Role
from securefed.domain.study import Study
from securefed.domain.witnessing import Witnessed
from securefed.ports import Signer
from securefed.steps import prepare_site
from securefed.steps.prepare_site import Acting, AllowanceAsked
from securefed.wiring import basics, opened_site
from tests.site.place import ROOT, configure, write_data, write_policy
from tests.site.processes import PATIENCE, about, is_free, processes, state_of, until
from tests.site.studies import Asked

# PySyft's own classes, built when the first request is written.
QUIET: Final = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
HOSPITAL: Final = SiteId("hospital-a")
DANA, OLIVIA = AccountId("dana"), AccountId("olivia")
FIRST: Final = Attempt(round=1, attempt=1)


class ServedSite:
    """One site's folder and people, and its serving process while there is one."""

    def __init__(self, place: Path) -> None:
        self.folder = SiteFolder(place / HOSPITAL)
        self.dana: Signer = basics.load_signer(place / "dana.key")
        self.process: subprocess.Popen[bytes] | None = None
        self._client: SiteClient | None = None
        self._codes: dict[RequestId, bytes] = {}

    @classmethod
    def made(cls, place: Path, runner: str = "") -> "ServedSite":
        """A new site with people, data and an allowance. `runner` is lines of its `site.toml`."""
        place.mkdir(exist_ok=True)
        basics.new_key(place / "dana.key", DANA)
        opened = opened_site.init_site(place / HOSPITAL, HOSPITAL, Line("Hospital A"), OLIVIA)
        configure(opened.folder.settings, runner)
        write_data(place)
        site = cls(place)
        by, ledger = site.olivia, opened.party.ledger
        prepare_site.adopt_policy(ledger, basics.find_policy(str(write_policy(place))), by)
        dana = Account(account=DANA, key=site.dana.key, roles=(Role.SCIENTIST,))
        prepare_site.admit_account(ledger, dana, by)
        card = opened.add_data(place / "dataset.toml", by)
        granted = {"epsilon": Decimal(3), "delta": Decimal("1e-6")}
        prepare_site.grant_allowance(ledger, AllowanceAsked(dataset=card.dataset, **granted), by)
        return site

    # --- the process -----------------------------------------------------------------------------

    @contextmanager
    def served(self) -> Iterator["ServedSite"]:
        """Serves while the block runs; ends it by SIGTERM, or it was ended by the test."""
        self.start()
        try:
            yield self
            if self.process is not None:
                self.stop()
        finally:
            if self.process is not None:
                self.kill()

    def start(self) -> None:
        """Starts the program and waits until it answers."""
        with (self.folder.root.parent / "serve.err").open("ab") as said:
            self.process = process = self.program(said)
        until(lambda: self._note() is not None or process.poll() is not None)
        assert process.poll() is None, self.said

    def program(self, said: int | IO[bytes] = subprocess.PIPE) -> "subprocess.Popen[bytes]":
        """`securefed site serve` for this folder."""
        serve = ("site", "serve", "--site", str(self.folder.root))
        run = (sys.executable, "-c", "from securefed.cli.app import main; main()")
        return subprocess.Popen([*run, *serve], stdout=subprocess.DEVNULL, stderr=said, cwd=ROOT)

    def stop(self) -> None:
        """Asks the site to end, and sees that nothing of it is left."""
        process, note = self._running, self.note
        self._hang_up()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, self.said
        self.process = None
        assert not self.runs()
        assert not list(self.folder.runs.iterdir())
        assert not self.folder.serving.exists()
        assert is_free(note.host, note.port)

    def kill(self) -> None:
        """Kills the site at once, and waits until its runs are gone by themselves."""
        process = self._running
        self._hang_up()
        process.kill()
        process.wait(PATIENCE)
        self.process = None
        until(lambda: not self.runs())

    @property
    def said(self) -> str:
        """What the program told its owner."""
        return (self.folder.root.parent / "serve.err").read_text()

    @property
    def note(self) -> ServingNote:
        """Where it listens."""
        note = self._note()
        assert note is not None
        return note

    def runs(self) -> list[int]:
        """The processes that have to do with a run of this site, keepers included."""
        return [pid for pid in processes() if str(self.folder.runs).encode() in about(pid)]

    def stopped_run(self) -> int:
        """The run that has stopped itself, once there is one."""
        until(lambda: any(state_of(pid) == "T" for pid in self.runs()))
        (found,) = [pid for pid in self.runs() if state_of(pid) == "T"]
        return found

    # --- the people ------------------------------------------------------------------------------

    @property
    def opened(self) -> opened_site.OpenSite:
        """The site as another process of its owner sees it."""
        return opened_site.open_site(self.folder.root)

    @property
    def olivia(self) -> Acting:
        """The owner, about to decide."""
        return self.opened.acting(OLIVIA, None, Line("A test's decision"))

    @property
    def client(self) -> SiteClient:
        """Dana's way to the site."""
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def new_client(self) -> SiteClient:
        """One more way, for whoever closes it."""
        return SiteClient.connect(HOSPITAL, self.note.host, self.note.port, self.dana)

    @property
    def blobs(self) -> BlobClient:
        """Dana's way to the files."""
        return BlobClient(f"{self.note.address}/blobs", wait=lambda _: None)

    def submitted(self, asked: Asked, valid: timedelta | None = None) -> RequestId:
        """A request that is filed in the ledger, and waits."""
        signed = self.signed(asked.study, valid)
        name = signed.request.request
        self.client.submit(signed)
        until(lambda: name in self.opened.party.ledger.register().requests)
        if asked.code is not None:
            self._codes[name] = asked.code
        return name

    def approved(self, asked: Asked, valid: timedelta | None = None) -> RequestId:
        """A request that may run."""
        name = self.submitted(asked, valid)
        party = self.opened.party
        party.approve(name, party.plan(name).digest, self.olivia)
        until(lambda: self.client.state(name).state is RequestState.APPROVED)
        return name

    def signed(self, study: Study, valid: timedelta | None = None) -> SignedRequest:
        """A request for this site by dana, which lives for the study's days or less."""
        now = basics.clock().now()
        request = CodeRequest(
            site=HOSPITAL,
            requester=DANA,
            requester_key=self.dana.key,
            study=study,
            filed_at=now,
            expires_at=now + (valid or timedelta(days=study.valid_days)),
        )
        signature = self.dana.sign(prefixed(REQUEST_KIND, to_bytes(request)))
        return SignedRequest(request=request, signature=signature)

    def ask(self, request: RequestId, errand: Errand) -> Standing | Ticketed | Witnessed | Answers:
        """The site's answer to dana."""
        return self.client.ask(request, errand)

    def report(self, request: RequestId, of: Attempt = FIRST) -> Standing:
        """Where an attempt stands."""
        found = self.ask(request, Report(of=of))
        assert isinstance(found, Standing)
        return found

    def begin(self, request: RequestId, of: Attempt = FIRST, weights: bytes | None = None) -> Train:
        """Brings what an attempt needs and has it begin; says what was asked for."""
        code = self._codes.get(request)
        errand = Train(
            of=of,
            weights=None if weights is None else self.bring(request, of, weights),
            code=None if code is None else self.bring(request, of, code),
            protection=None,
        )
        self.ask(request, errand)
        return errand

    def trained(
        self, request: RequestId, of: Attempt = FIRST, weights: bytes | None = None
    ) -> Standing:
        """An attempt from its beginning to its end."""
        self.begin(request, of, weights)
        return self.over(request, of)

    def over(self, request: RequestId, of: Attempt = FIRST) -> Standing:
        """How an attempt ends."""
        until(lambda: self.report(request, of).phase.over, 2 * PATIENCE)
        return self.report(request, of)

    def upload(self, request: RequestId, of: Attempt, content: bytes) -> SignedTicket:
        """A ticket to bring a file."""
        digest = Digest("sha256:" + hashlib.sha256(content).hexdigest())
        answer = self.ask(request, Deliver(of=of, blob=digest, length=len(content)))
        assert isinstance(answer, Ticketed)
        assert answer.ticket is not None
        return read_ticket(str(answer.ticket))

    def bring(self, request: RequestId, of: Attempt, content: bytes) -> Digest:
        """Brings a file through the channel."""
        ticket = self.upload(request, of, content)
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self.blobs.send(ticket, Path(file.name))
        return ticket.ticket.blob.digest

    def entered(self, request: RequestId, of: Attempt = FIRST) -> Round:
        """An attempt as the ledger has it."""
        id = RoundId(request=request, round=of.round, attempt=of.attempt)
        return self.opened.party.ledger.register().book_of(id).round(id)

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None
        return self.process

    def _note(self) -> ServingNote | None:
        note = find_serving(self.folder.serving)
        mine = self.process is not None and note is not None and note.pid == self.process.pid
        return note if mine else None

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
