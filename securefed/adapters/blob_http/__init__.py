"""The blob channel over HTTP: an ASGI application that a site's server mounts, and its client.

app.mount("/blobs", BlobChannel(site=…, key=…, verify=…, clock=…, store=…, serves=…))
BlobClient("https://hospital-a.example:9443/blobs", tls=context).send(ticket, Path("weights"))
"""

from securefed.adapters.blob_http.channel import BlobChannel
from securefed.adapters.blob_http.client import BlobClient

__all__ = ["BlobChannel", "BlobClient"]
