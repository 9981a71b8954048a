"""Files over real connections: both ways, resumed, refused by name, and against hostile sites."""

import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from securefed.adapters.blob_files import FolderBlobs
from securefed.adapters.blob_http import BlobClient
from securefed.domain.blob import Direction
from securefed.errors import (
    BlobBusy,
    BlobDamaged,
    BlobLengthWrong,
    BlobQuotaFull,
    BlobUnreachable,
    ConfigInvalid,
    SecurefedError,
    StorageFailed,
    TicketExpired,
    TicketForeign,
    TicketInvalid,
    TicketSpent,
)
from tests.adapters.blob.place import (
    QUOTA,
    SITE,
    Door,
    Place,
    blob_of,
    client,
    files_end_at,
    later,
    served,
)

pytestmark = pytest.mark.slow

DATA = bytes(range(256)) * 12_000
LENGTH = len(DATA)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(FolderBlobs(tmp_path / "blobs", QUOTA))


@pytest.fixture(scope="module")
def served_door() -> Iterator[tuple[Door, str]]:
    door = Door()
    with served(door) as url:
        yield door, url


@pytest.fixture
def url(place: Place, served_door: tuple[Door, str]) -> str:
    door, url = served_door
    door.channel = place.channel()
    return url


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(DATA)
    return path


def keep(place: Place, data: bytes) -> None:
    """The site's own blob."""
    with closing(place.store.writer(blob_of(data), len(data))) as writer:
        writer.write(data)
        writer.finish()


def test_a_file_goes_up_and_comes_down(
    place: Place, url: str, source: Path, tmp_path: Path
) -> None:
    client(url).send(place.ticket(DATA), source)
    down = place.ticket(DATA, Direction.DOWNLOAD)
    client(url).fetch(down, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o600
    assert not (tmp_path / "back.part").exists()
    with pytest.raises(TicketSpent):
        client(url).fetch(down, tmp_path / "again")


def test_sending_what_is_there_sends_nothing(place: Place, url: str, source: Path) -> None:
    ticket = place.ticket(DATA)
    client(url).send(ticket, source)
    client(url).send(ticket, source)


def test_an_upload_goes_on_where_it_stopped(place: Place, url: str, source: Path) -> None:
    with closing(place.store.writer(blob_of(DATA), LENGTH)) as writer:
        writer.write(DATA[:1_000_000])
    # Only the rest is sent: the file's beginning is another by now, and nobody notices.
    source.write_bytes(bytes(1_000_000) + DATA[1_000_000:])
    client(url).send(place.ticket(DATA), source)
    assert place.store.held(blob_of(DATA)).whole


def test_a_download_goes_on_where_it_stopped(place: Place, url: str, tmp_path: Path) -> None:
    keep(place, DATA)
    (tmp_path / "back.part").write_bytes(DATA[:1_000_000])
    client(url).fetch(place.ticket(DATA, Direction.DOWNLOAD), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


@pytest.mark.parametrize("part", [b"spoiled", DATA[:-1] + b"X", DATA + b"X", DATA])
def test_whatever_part_is_there_the_file_is_right(
    place: Place, url: str, tmp_path: Path, part: bytes
) -> None:
    keep(place, DATA)
    (tmp_path / "back.part").write_bytes(part)
    client(url).fetch(place.ticket(DATA, Direction.DOWNLOAD), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


def test_a_full_disk_here_is_named_and_what_came_is_kept(
    place: Place, url: str, tmp_path: Path
) -> None:
    keep(place, DATA)
    ticket = place.ticket(DATA, Direction.DOWNLOAD)
    with files_end_at(1_500_000), pytest.raises(StorageFailed, match="here"):
        client(url).fetch(ticket, tmp_path / "back")
    assert (tmp_path / "back.part").stat().st_size == 1_500_000
    with pytest.raises(StorageFailed):
        client(url).fetch(ticket, tmp_path / "no folder" / "back")
    client(url).fetch(ticket, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


def test_what_the_site_kept_may_be_spoiled(place: Place, url: str, source: Path) -> None:
    with closing(place.store.writer(blob_of(DATA), LENGTH)) as writer:
        writer.write(bytes(1000))
    client(url).send(place.ticket(DATA), source)
    assert place.store.held(blob_of(DATA)).whole


def test_a_file_that_is_another_is_refused(place: Place, url: str, source: Path) -> None:
    source.write_bytes(DATA[:-1])
    with pytest.raises(BlobLengthWrong):
        client(url).send(place.ticket(DATA), source)
    source.write_bytes(DATA[:-1] + b"X")
    with pytest.raises(BlobDamaged):
        client(url).send(place.ticket(DATA), source)
    source.unlink()
    with pytest.raises(StorageFailed):
        client(url).send(place.ticket(DATA), source)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"site": "hospital-b"}, TicketForeign),
        ({"direction": Direction.DOWNLOAD}, TicketForeign),
        ({"expires": later(seconds=0)}, TicketExpired),
        ({"expires": later(hours=2)}, TicketInvalid),
    ],
)
def test_the_sites_refusals_arrive_by_name(
    place: Place, url: str, source: Path, changes: dict, error: type[SecurefedError]
) -> None:
    ticket = place.ticket(DATA, **{"site": SITE, **changes})
    with pytest.raises(error):
        client(url).send(ticket, source)
    assert place.store.held(blob_of(DATA)).length == 0


def test_a_full_site_says_so(served_door: tuple[Door, str], tmp_path: Path, source: Path) -> None:
    door, url = served_door
    place = Place(FolderBlobs(tmp_path / "small", LENGTH - 1))
    door.channel = place.channel()
    with pytest.raises(BlobQuotaFull):
        client(url).send(place.ticket(DATA), source)


def test_an_upload_waits_for_another_one_and_gives_up(place: Place, url: str, source: Path) -> None:
    waits: list[float] = []
    with closing(place.store.writer(blob_of(DATA), LENGTH)), pytest.raises(BlobBusy):
        client(url, wait=waits.append).send(place.ticket(DATA), source)
    assert len(waits) == 4
    client(url).send(place.ticket(DATA), source)


def test_two_uploads_of_one_blob_make_one(place: Place, url: str, source: Path) -> None:
    failures: list[SecurefedError] = []
    one_is_done = threading.Event()

    def send() -> None:
        try:
            client(url, wait=lambda _: one_is_done.wait()).send(place.ticket(DATA), source)
        except SecurefedError as error:
            failures.append(error)
        finally:
            one_is_done.set()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with place.store.open(blob_of(DATA)) as file:
        assert file.read() == DATA


def test_two_fetches_into_one_file_do_not_mix(place: Place, tmp_path: Path) -> None:
    keep(place, DATA)

    def meanwhile(_: float) -> None:
        with pytest.raises(BlobBusy):
            client("http://127.0.0.1:1").fetch(ticket, tmp_path / "back")

    ticket = place.ticket(DATA, Direction.DOWNLOAD)
    with pytest.raises(BlobUnreachable):
        client("http://127.0.0.1:1", wait=meanwhile).fetch(ticket, tmp_path / "back")


def test_a_site_that_does_not_answer_is_unreachable(place: Place, source: Path) -> None:
    waits: list[float] = []
    with pytest.raises(BlobUnreachable):
        client("http://127.0.0.1:1", wait=waits.append).send(place.ticket(DATA), source)
    assert waits == [0.1, 0.5, 2.0, 8.0]


@pytest.mark.parametrize(
    "url", ["", "ftp://host", "https://host", "http://", "http://host:port", "http://[", "/blobs"]
)
def test_an_address_is_http_without_tls_and_https_with(url: str) -> None:
    with pytest.raises(ConfigInvalid):
        BlobClient(url)


# --- a site that does not keep to the rules -------------------------------------------------------

Speech = Callable[[bytes], bytes]


@contextmanager
def hostile(say: Speech) -> Iterator[str]:
    """A server that answers every request's head with whatever it likes, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as bound:

        def serve() -> None:
            while True:
                connection, _ = bound.accept()
                with connection:
                    head = connection.recv(65536)
                    if not head:
                        return
                    # A client that has seen enough leaves.
                    with suppress(ConnectionError):
                        connection.sendall(say(head))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            with socket.create_connection(bound.getsockname()):
                pass
            thread.join()


def said(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    stated = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {stated}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", BlobUnreachable),
        (b"garbage\r\n\r\n", BlobUnreachable),
        # Cut short, and then not from where it was cut.
        (said("200 OK", DATA[:1000], length=LENGTH), BlobLengthWrong),
        (said("200 OK", DATA + b"more"), BlobLengthWrong),
        (said("200 OK", DATA[:5]), BlobLengthWrong),
        (said("200 OK", DATA[:-1] + b"X"), BlobDamaged),
        (said("302 Found", b"", "Location: http://127.0.0.1:1/"), BlobUnreachable),
        (said("500 Error", b"[" * 4000), BlobUnreachable),
        (
            said("500 No", b'{"code":"budget-insufficient","what":"","where":""}'),
            BlobUnreachable,
        ),
        (said("403 No", b'{"code":[],"what":"","where":""}'), BlobUnreachable),
        (said("403 No", b"7"), BlobUnreachable),
        (said("410 Gone", b'{"code":"ticket-spent","what":"","where":""}'), TicketSpent),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", BlobLengthWrong),
    ],
)
def test_no_answer_makes_a_file_that_is_not_right(
    place: Place, tmp_path: Path, answer: bytes, error: type[SecurefedError]
) -> None:
    with hostile(lambda _: answer) as url, pytest.raises(error):
        client(url).fetch(place.ticket(DATA, Direction.DOWNLOAD), tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 8000,
        b'{"held":-1,"whole":false}',
        b'{"held":"x","whole":false}',
        b'{"held":null,"whole":false}',
    ],
)
def test_no_state_of_an_upload_is_believed_blindly(
    place: Place, source: Path, state: bytes
) -> None:
    with hostile(lambda _: said("200 OK", state)) as url, pytest.raises(BlobUnreachable):
        client(url).send(place.ticket(DATA), source)


def test_the_words_of_a_hostile_site_are_shown_in_plain_characters(
    place: Place, source: Path
) -> None:
    words = '{"code":"blob-busy","what":"\\u001b[31m\\u202eé' + "x" * 2000 + '","where":"\\n"}'
    with (
        hostile(lambda _: said("409 Busy", words.encode())) as url,
        pytest.raises(BlobBusy) as refused,
    ):
        client(url).send(place.ticket(DATA), source)
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400
