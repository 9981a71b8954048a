"""The plain way to move a file over HTTP: Starlette and uvicorn as their pages show it.

`python -m benchmarks.worlds.plain_http FOLDER PORT` serves the folder's files and writes the body
of a PUT. It checks no right and no digest, flushes nothing and resumes nothing.
"""

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route


def application(folder: Path) -> Starlette:
    """The server's two routes."""

    async def give(request: Request) -> Response:
        return FileResponse(folder / Path(request.path_params["name"]).name)

    async def take(request: Request) -> Response:
        with (folder / Path(request.path_params["name"]).name).open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        return Response(status_code=201)

    return Starlette(
        routes=[
            Route("/{name}", give, methods=["GET"]),
            Route("/{name}", take, methods=["PUT"]),
        ]
    )


def main(folder: str, port: str) -> None:
    """Serves until it is killed."""
    with socket.create_server(("127.0.0.1", int(port))) as bound:
        print("ready", flush=True)
        config = uvicorn.Config(application(Path(folder)), lifespan="off", log_level="critical")
        uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main(*sys.argv[1:])
