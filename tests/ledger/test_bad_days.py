"""Full disks, read-only files and backups under a site at work: refused by name, nothing lost."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from securefed.domain.event import RequestFiled
from securefed.domain.request import RequestState
from securefed.errors import LedgerRolledBack, StorageFailed
from securefed.parties.site import SiteParty
from securefed.steps.keep_ledger import SiteLedger
from tests.adapters.test_sqlite_store import NOBODY, files_no_larger_than
from tests.ledger.real_world import real_world
from tests.snapshots import picture
from tests.world import ADMISSIONS, REVIEWER, World

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def approve(world: World, site: SiteParty) -> None:
    [request] = site.register().requests
    site.approve(request, site.plan(request).digest, world.acting(REVIEWER))


@pytest.mark.parametrize("room", [0, 40, 1000, 4200])
def test_an_approval_on_a_full_disk_reserves_nothing_until_there_is_room(
    path: Path, room: int
) -> None:
    world = real_world(path, new=True)
    site = world.site()
    request = world.file(site)
    before = picture(site.register())
    # SQLite appends to the write-ahead log, which is the larger of the two files.
    written = max(file.stat().st_size for file in path.parent.iterdir())
    with pytest.raises(StorageFailed), files_no_larger_than(written + room):
        approve(world, site)
    for after in (site, world.reopened()):
        assert picture(after.register()) == before
        assert after.register().request(request).state is RequestState.PENDING
        assert after.register().book(ADMISSIONS).counted == 0
    approve(world, site)
    assert world.reopened().register().book(ADMISSIONS).reserved > 0


AS_NOBODY = """
import os, sys
from pathlib import Path
from securefed.errors import StorageFailed
from tests.ledger.real_world import real_world
if os.geteuid() == 0:
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
world = real_world(Path(sys.argv[1]))
site = world.reopened()
print(site.ledger.register().head.size)
try:
    world.file(site)
except StorageFailed as error:
    print(error.code)
print(site.ledger.register().head.size)
"""


def test_a_site_on_a_read_only_file_reads_and_records_nothing(path: Path) -> None:
    world = real_world(path, new=True)
    size = world.site().register().head.size
    # A folder that another account may use too: root writes where it likes, so the test does not.
    open_to_all = Path(tempfile.mkdtemp())
    try:
        open_to_all.chmod(0o777)
        copy = open_to_all / "ledger.db"
        shutil.copy(path, copy)
        copy.chmod(0o444)
        program = [sys.executable, "-c", AS_NOBODY, str(copy), str(NOBODY)]
        ran = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(open_to_all)
    assert (ran.stdout.split(), ran.stderr) == ([str(size), "storage-failed", str(size)], "")


def test_a_ledger_from_a_backup_is_refused_by_whoever_has_seen_a_newer_one(path: Path) -> None:
    world = real_world(path, new=True)
    site = world.site()
    backup, newest = path.with_name("backup"), path.with_name("newest")
    shutil.copy(path, backup)
    world.approved(site)
    shutil.copy(path, newest)
    running = site.ledger
    whole, kept = picture(running.register()), running.checkpoint()
    signer, verify = world.keys.signer("hospital-a"), world.keys.verify
    fresh = SiteLedger(running.site, world.stores["hospital-a"], signer, verify, world.clock, kept)
    shutil.copy(backup, path)
    assert len(world.reopened().register().requests) == 0  # nobody else can tell
    for ledger in (running, fresh, running, fresh):
        with pytest.raises(LedgerRolledBack):
            ledger.register()
        with pytest.raises(LedgerRolledBack):
            ledger.record(RequestFiled(filed=world.request()))
    shutil.copy(newest, path)
    assert picture(running.register()) == picture(fresh.register()) == whole


def test_two_open_processes_lose_nothing_of_each_other(path: Path) -> None:
    world = real_world(path, new=True)
    one = world.site()
    other_world = real_world(path)
    two = other_world.reopened()
    for number in range(6):
        world.title = other_world.title = f"Study {number}"
        world.file(one if number % 2 else two)
    assert len(one.register().requests) == len(two.register().requests) == 6
    assert picture(one.register()) == picture(two.register())
    assert picture(world.reopened().register()) == picture(one.register())
