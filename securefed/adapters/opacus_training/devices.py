"""Where a run computes: a GPU where there is one, else the CPU; the same code on both."""

import torch

from securefed.errors import DeviceUnavailable


def device_named(name: str | None, local_rank: int = 0) -> torch.device:
    """The device of this name, `cpu`, `cuda` or `cuda:1`; without a name the best that is there.

    Each process of a machine takes a GPU of its own."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        return torch.device("cuda", local_rank % gpus) if gpus else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceUnavailable(f"{name!r} names no device; 'cpu' and 'cuda' do") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(f"{name} is not supported; 'cpu' and 'cuda' are")
    if device.type == "cpu":
        return device
    if not gpus or (":" in name and device.index >= gpus):
        raise DeviceUnavailable(f"{name} is not there; this machine has {gpus} usable GPUs")
    return device if ":" in name else torch.device("cuda", local_rank % gpus)
