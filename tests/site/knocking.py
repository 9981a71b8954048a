"""Requests to a served site that no client of ours would send."""

import http.client
from contextlib import closing

from securefed.adapters.blob_http.spoken import SCHEME
from tests.site.served_site import ServedSite


def asked(
    site: ServedSite, method: str, path: str, shown: str = "", body: bytes = b""
) -> tuple[int, bytes]:
    """The answer to a request whose path goes out as it stands."""
    connection = http.client.HTTPConnection(site.note.host, site.note.port, timeout=30)
    with closing(connection):
        connection.putrequest(method, path, skip_accept_encoding=True)
        if shown:
            connection.putheader("Authorization", SCHEME + shown)
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Upload-Offset", "0")
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
