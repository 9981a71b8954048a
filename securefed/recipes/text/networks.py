"""From tokens to one score a class: a model's own classifier, or a linear layer on pooled tokens.

Promises that the features of a frozen encoder are computed once for each text and kept in memory
only: as part of the model, or in a memory that is lent to it; they are in no weight and in no file.
They depend on the text and the encoder alone, so that whether they are kept changes nothing but the
time.
"""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.recipes.frozen import FeatureMemory, Features
from securefed.recipes.pretrained.inputs import model_inputs

_TOGETHER = 32


class OwnClassifier(nn.Module):
    """A transformers model for sequence classification."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Scores, [records, classes]."""
        scores: Tensor = self.network(**model_inputs(self.network.config, tokens, mask)).logits
        return scores


class PooledClassifier(nn.Module):
    """A linear layer on the mean of an encoder's tokens, scaled to length one."""

    def __init__(self, encoder: Any, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, classes)
        self._frozen: _KeptFeatures | None = None

    def freeze_encoder(self) -> None:
        """From now on only the linear layer is trained."""
        self.encoder.requires_grad_(False)
        self._frozen = _KeptFeatures(self._pooled)

    def remember_in(self, memory: FeatureMemory) -> None:
        """Keeps the features of a frozen encoder there, beside those that are there already."""
        if self._frozen is not None:
            self._frozen.kept = memory.of(self.encoder)

    def keep_nothing(self) -> None:
        """From now on features are computed each time: as a model that is written down does."""
        self._frozen = None

    def train(self, mode: bool = True) -> Self:
        """Training mode; a frozen encoder stays as it is."""
        super().train(mode)
        if self._frozen is not None:
            self.encoder.eval()
        return self

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Scores, [records, classes]."""
        features = self._pooled if self._frozen is None else self._frozen
        scores: Tensor = self.head(features(tokens, mask))
        return scores

    def _pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        hidden = self.encoder(**model_inputs(self.encoder.config, tokens, mask)).last_hidden_state
        there = mask.unsqueeze(2).to(hidden.dtype)
        mean = (hidden * there).sum(1) / there.sum(1).clamp(min=1)
        return functional.normalize(mean, dim=1)


class _KeptFeatures:
    """Remembers the features of texts by their tokens, up to a bound on memory."""

    def __init__(self, compute: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._compute = compute
        self.kept = Features()

    def __call__(self, tokens: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1).tolist()
        rows = tokens.cpu().numpy()
        keys = [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]
        places = {key: i for i, key in enumerate(keys) if key not in self.kept}
        # Few tokens with few: most texts are much shorter than the longest of a batch.
        new = sorted(places, key=len)
        fresh: dict[bytes, Tensor] = {}
        for start in range(0, len(new), _TOGETHER):
            part = new[start : start + _TOGETHER]
            chosen = [places[key] for key in part]
            longest = lengths[chosen[-1]]
            found = self._computed(tokens[chosen, :longest], mask[chosen, :longest])
            fresh.update(zip(part, found, strict=True))
        self.kept.add(fresh)
        return torch.stack(
            [fresh[key] if key in fresh else self.kept[key].to(tokens.device) for key in keys]
        )

    def _computed(self, tokens: Tensor, mask: Tensor) -> Tensor:
        # In full precision, so that what is kept does not depend on who asked first.
        with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
            return self._compute(tokens, mask)
