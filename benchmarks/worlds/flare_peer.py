"""NVIDIA FLARE's side of a round under its default encryption, in an interpreter of its own.

    FLARES_PYTHON flare_peer.py nvflare      # FLARE's own classes, as installed there
    python flare_peer.py tenseal             # FLARE's parameters and order of calls, by TenSEAL

Answers commands on its standard input, one line of JSON each: `model LAYERS SIZE`, `site`,
`coordinator SITES`, `open`. Times are the process's CPU time, all its threads together. It imports
nothing of this project, so FLARE's environment needs nothing but FLARE.

A site encrypts each layer to a CKKS vector and serialises all; the coordinator loads and adds every
site's, divides and serialises; a site loads and decrypts. Ten sites' uploads are one upload under
ten names: FLARE does not look at the difference.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np

_ROUND = 0
_STEPS = 10


class CodePath(Protocol):
    """One code path."""

    name: str

    def upload(self, layers: dict[str, Any]) -> bytes:
        """What a site sends."""
        ...

    def combined(self, upload: bytes, sites: int) -> bytes:
        """What the coordinator sends back."""
        ...

    def opened(self, download: bytes) -> dict[str, Any]:
        """What a site reads from it."""
        ...


class Flare:
    """FLARE's filters and aggregator with its serialiser, on a context of its own builder."""

    def __init__(self) -> None:
        self.name = f"nvflare {_of('importlib.metadata').version('nvflare')}, its own code"
        self._dxo = _of("nvflare.apis.dxo")
        self._fobs = _of("nvflare.fuel.utils.fobs")
        _of("nvflare.apis.utils.decomposers.flare_decomposers").register()
        _of("nvflare.app_common.decomposers.common_decomposers").register()
        self._names = _of("nvflare.app_common.app_constant").AppConstants
        self._identity = _of("nvflare.apis.fl_constant").ReservedKey.IDENTITY_NAME
        self._folder = tempfile.TemporaryDirectory()
        self._provision(Path(self._folder.name))
        self._context = self._new_context()
        he = "nvflare.app_opt.he"
        self._encryptor = _of(f"{he}.model_encryptor").HEModelEncryptor()
        self._decryptor = _of(f"{he}.model_decryptor").HEModelDecryptor()
        self._aggregators = _of(f"{he}.intime_accumulate_model_aggregator")
        start = _of("nvflare.apis.event_type").EventType.START_RUN
        self._encryptor.handle_event(start, self._context)
        self._decryptor.handle_event(start, self._context)
        self._start = start

    def upload(self, layers: dict[str, Any]) -> bytes:
        """What a site sends."""
        dxo = self._dxo.DXO(data_kind=self._dxo.DataKind.WEIGHT_DIFF, data=dict(layers))
        dxo.set_meta_prop(self._dxo.MetaKey.NUM_STEPS_CURRENT_ROUND, _STEPS)
        sealed = self._encryptor.process_dxo(dxo, None, self._context)
        return bytes(self._fobs.dumps(sealed.to_shareable()))

    def combined(self, upload: bytes, sites: int) -> bytes:
        """What the coordinator sends back."""
        aggregator = self._aggregators.HEInTimeAccumulateWeightedAggregator()
        aggregator.handle_event(self._start, self._context)
        for number in range(sites):
            shareable = self._fobs.loads(upload)
            shareable.set_peer_props({self._identity: f"site-{number}"})
            shareable.add_cookie(self._names.CONTRIBUTION_ROUND, _ROUND)
            if not aggregator.accept(shareable, self._context):
                raise RuntimeError("FLARE's aggregator did not accept the update")
        return bytes(self._fobs.dumps(aggregator.aggregate(self._context)))

    def opened(self, download: bytes) -> dict[str, Any]:
        """What a site reads from it."""
        shareable = self._fobs.loads(download)
        dxo = self._dxo.from_shareable(shareable)
        found = self._decryptor.process_dxo(dxo, shareable, self._context)
        return dict(found.data)

    def _provision(self, folder: Path) -> None:
        builder = _of("nvflare.lighter.impl.he").HEBuilder()
        builder.initialize(None, None)
        for name, client in (("client", True), ("server", False)):
            data = builder.get_serialized_context(is_client=client)
            (folder / f"{name}_context.tenseal").write_bytes(data)
        service = _of("nvflare.fuel.sec.security_content_service").SecurityContentService
        service.initialize(content_folder=str(folder))

    def _new_context(self) -> Any:
        contexts = _of("nvflare.apis.fl_context")
        context, peer = contexts.FLContext(), contexts.FLContext()
        # A context file is signed in secure mode; a signature of one file costs nothing a round.
        keys = _of("nvflare.apis.fl_constant")
        context.set_prop(keys.FLContextKey.SECURE_MODE, False, private=True, sticky=False)
        context.set_prop(self._names.CURRENT_ROUND, _ROUND, private=True, sticky=False)
        context.set_peer_context(peer)
        return context


class FlareParameters:
    """The same calls of TenSEAL without FLARE: one vector a layer, the context sent with each."""

    def __init__(self) -> None:
        self._library = _of("tenseal")
        version = _of("importlib.metadata").version("tenseal")
        self.name = f"FLARE's parameters by tenseal {version}, FLARE not installed"
        symmetric = _of("tenseal.enc_context").ENCRYPTION_TYPE.SYMMETRIC
        self._context = self._library.context(
            self._library.SCHEME_TYPE.CKKS,
            poly_modulus_degree=8192,
            coeff_mod_bit_sizes=[60, 40, 40],
            encryption_type=symmetric,
        )
        self._context.generate_relin_keys()
        self._context.global_scale = 2**40

    def upload(self, layers: dict[str, Any]) -> bytes:
        """What a site sends."""
        vectors = {
            name: self._library.ckks_vector(self._context, values.ravel() * np.float64(_STEPS))
            for name, values in layers.items()
        }
        return self._dumped(vectors)

    def combined(self, upload: bytes, sites: int) -> bytes:
        """What the coordinator sends back."""
        total: dict[str, Any] = {}
        for _ in range(sites):
            for name, vector in self._loaded(upload).items():
                total[name] = total[name] + vector if name in total else vector
        return self._dumped({name: one * (1 / (sites * _STEPS)) for name, one in total.items()})

    def opened(self, download: bytes) -> dict[str, Any]:
        """What a site reads from it."""
        secret = self._context.secret_key()
        return {name: one.decrypt(secret) for name, one in self._loaded(download).items()}

    def _dumped(self, vectors: dict[str, Any]) -> bytes:
        parts: list[bytes] = []
        for name, vector in vectors.items():
            # The secret key stays: TenSEAL leaves it out unless it is asked for.
            found = (name.encode(), vector.serialize(), vector.context().serialize())
            parts.extend(len(part).to_bytes(8, "little") + part for part in found)
        return b"".join(parts)

    def _loaded(self, data: bytes) -> dict[str, Any]:
        parts, place = [], 0
        while place < len(data):
            end = place + 8 + int.from_bytes(data[place : place + 8], "little")
            parts.append(data[place + 8 : end])
            place = end
        return {
            name.decode(): self._library.ckks_vector_from(self._library.context_from(keys), vector)
            for name, vector, keys in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        }


class Peer:
    """Answers the commands."""

    def __init__(self, path: CodePath) -> None:
        self._path = path
        self._layers: dict[str, Any] = {}
        self._upload = self._download = b""

    def model(self, layers: int, size: int) -> dict[str, Any]:
        """Takes a model of so many equal layers."""
        chance = np.random.default_rng(1)
        self._layers = {
            f"layer{number}": chance.normal(0, 0.01, size).astype(np.float32)
            for number in range(layers)
        }
        return {"name": self._path.name}

    def site(self) -> dict[str, Any]:
        """One site's upload."""
        start = time.process_time()
        self._upload = self._path.upload(self._layers)
        return {"seconds": time.process_time() - start, "size": len(self._upload)}

    def coordinator(self, sites: int) -> dict[str, Any]:
        """A whole round at the coordinator."""
        start = time.process_time()
        self._download = self._path.combined(self._upload, sites)
        return {"seconds": time.process_time() - start, "size": len(self._download)}

    def open(self) -> dict[str, Any]:
        """Reading the round's result, which must be the average of equal updates."""
        start = time.process_time()
        found = self._path.opened(self._download)
        seconds = time.process_time() - start
        error = max(float(np.abs(found[name] - one).max()) for name, one in self._layers.items())
        return {"seconds": seconds, "error": error}


def _of(module: str) -> Any:
    return importlib.import_module(module)


if __name__ == "__main__":
    kinds: dict[str, type[Flare] | type[FlareParameters]] = {
        "nvflare": Flare,
        "tenseal": FlareParameters,
    }
    # TenSEAL prints warnings on the standard output, so that the answers have it to themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    peer = Peer(kinds[sys.argv[1]]())
    for line in sys.stdin:
        command, *numbers = line.split()
        print(json.dumps(getattr(peer, command)(*map(int, numbers))), file=answers, flush=True)
