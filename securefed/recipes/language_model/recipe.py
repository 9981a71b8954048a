"""Language models that foretell each token from those before it, such as GPT-2 and Llama.

A record is a text, cut at `max_tokens`, with the model's end mark where there is room; its loss is
the mean over the tokens that are foretold, so that a long text weighs no more than a short one. A
text with nothing to foretell has the loss zero and is in no metric. Rows are filled up and masked.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.domain.identifiers import Name
from securefed.recipes.language_model.mock import mock_sentences
from securefed.recipes.language_model.settings import LanguageModelSettings
from securefed.recipes.meaning import ClassScores, Meaning
from securefed.recipes.pretrained.adapting import add_lora
from securefed.recipes.pretrained.inputs import model_inputs
from securefed.recipes.pretrained.library import calm_loading, transformers_library
from securefed.recipes.pretrained.loading import ModelFolder, none_may_lack
from securefed.recipes.pretrained.texts import mock_columns, text_columns, texts_of
from securefed.recipes.pretrained.tokens import Tokens, padded
from securefed.recipes.recipe import Batch, Forward, Needed
from securefed.recipes.records import Records
from securefed.recipes.tallies import MeanTally, joined_rows, parted

_ACCURACY = MeanTally(name="token_accuracy", most=1.0)


class NextToken(nn.Module):
    """A transformers causal language model, called with tokens and their mask."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Scores of every next token, [records, places, tokens]."""
        scores: Tensor = self.network(**model_inputs(self.network.config, tokens, mask)).logits
        return scores


@dataclass(frozen=True, kw_only=True)
class LanguageModelRecipe:
    """A language model with these settings; without a folder, the built-in one."""

    settings: LanguageModelSettings
    config: Any
    tokens: Tokens
    folder: ModelFolder | None
    kept: frozenset[str] = frozenset()

    @property
    def family(self) -> Name:
        """The kind of transformers model."""
        return Name(f"{self.config.model_type.replace('_', '-')}-language-model")

    @property
    def meaning(self) -> Meaning:
        """A chance for each token, at every place."""
        return ClassScores(classes=())

    def needs(self) -> tuple[Needed, ...]:
        """A text."""
        return text_columns(self.settings)

    def model(self) -> nn.Module:
        """The model of the folder, with what is trained marked."""
        kind, seed = "AutoModelForCausalLM", self.settings.seed
        if self.folder is not None:
            network = self.folder.model(kind, self.config, seed, none_may_lack)
        else:
            with calm_loading(seed):
                network = getattr(transformers_library(), kind).from_config(self.config)
        if self.settings.train == "lora":
            add_lora(network, self.settings)
        return NextToken(network)

    def collate(self, records: Records) -> Batch:
        """Tokens and their mask."""
        most, end = self.settings.max_tokens, self.tokens.end
        rows = self.tokens.encode(texts_of(records, self.settings), most)
        if end is not None:
            rows = [row if row[-1] == end else [*row, end][:most] for row in rows]
        # One place at least is foretold, if only by a masked token: no model sees an empty row.
        tokens, mask = padded(rows, self.tokens.pad, least=2)
        return {"tokens": tokens, "mask": mask}

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """The mean cross entropy of each record's tokens."""
        scores = model(batch["tokens"], batch["mask"])[:, :-1]
        wanted = batch["tokens"][:, 1:]
        each = functional.cross_entropy(scores.transpose(1, 2), wanted, reduction="none")
        return _mean(each, batch["mask"][:, 1:])

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """The share of tokens that are foretold right, and the mean loss."""
        scores = model(batch["tokens"], batch["mask"])[:, :-1]
        wanted, there = batch["tokens"][:, 1:], batch["mask"][:, 1:]
        each = functional.cross_entropy(scores.transpose(1, 2), wanted, reduction="none")
        right = (scores.argmax(2) == wanted).to(each.dtype)
        # To a tally, NaN says that there is nothing to count.
        counted = torch.where(there.sum(1) > 0, 0.0, math.nan)
        return joined_rows(
            [
                _ACCURACY.rows(_mean(right, there), counted),
                self._loss.rows(_mean(each, there), counted),
            ]
        )

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The mean of each figure over records, and the perplexity at the mean loss."""
        right, loss = parted(tally, [_ACCURACY, self._loss])
        found = {**_ACCURACY.metrics(right), **self._loss.metrics(loss)}
        return found | {"perplexity": math.exp(found["loss"])}

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Sentences of few words in an order that can be learnt."""
        columns = mock_columns(mock_sentences(records, seed), self.settings, folder)
        return Records(columns=columns, folder=folder)

    @property
    def _loss(self) -> MeanTally:
        return MeanTally(name="loss", most=self.settings.loss_bound)


def _mean(values: Tensor, there: Tensor) -> Tensor:
    """The mean over places that are there; zero where there is none. What stands elsewhere is not
    multiplied by zero but left out, since it need not be a number."""
    kept = torch.where(there > 0, values, 0.0)
    return kept.sum(1) / there.sum(1).clamp(min=1)
