"""What a run must show on made-up records before it may touch real ones.

One unit adds at most C; taking one away changes the sum by at most C and nothing else in it; the
noise is σ·C in every trained parameter; nothing but the trained parameters moves. It finds mistakes
of a recipe, a layer or this engine. It cannot find intent: code of somebody's own that behaves
otherwise on real data is for a person to read and for the sandbox to hold.
"""

from securefed.adapters.opacus_training.self_test.proof import Proof
from securefed.adapters.opacus_training.self_test.proving import Claim, proven_module

__all__ = ["Claim", "Proof", "proven_module"]
