"""The models and batches of the training benchmark, in the sizes of the design's table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.recipes.recipe import Batch, Forward

_WORDS, _TOKENS = 8_000, 64
_USERS, _ITEMS = 20_000, 5_000


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model, one batch, and the loss of each of its records."""

    model: nn.Module
    batch: Batch
    losses: Callable[[Forward, Batch], Tensor]


def bert() -> Workload:
    """Four layers of width 256, all weights."""
    return Workload(model=_bert(), batch=_tokens(32), losses=_classes)


def bert_lora() -> Workload:
    """The same with low-rank adapters on queries and values."""
    from peft import LoraConfig, get_peft_model

    adapters = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"], lora_dropout=0.0)
    return Workload(model=get_peft_model(_bert(), adapters), batch=_tokens(32), losses=_classes)


def bert_head() -> Workload:
    """The same with its last layer alone."""
    model = _bert()
    for name, one in model.named_parameters():
        one.requires_grad_(name.startswith("classifier"))
    return Workload(model=model, batch=_tokens(32), losses=_classes)


def gpt2() -> Workload:
    """Four layers of width 256 whose last matrix is the table of words."""
    import transformers

    library: Any = transformers
    model = library.GPT2LMHeadModel(
        library.GPT2Config(
            vocab_size=_WORDS,
            n_embd=256,
            n_layer=4,
            n_head=4,
            n_positions=_TOKENS,
            bos_token_id=0,
            eos_token_id=0,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )
    return Workload(model=model, batch=_tokens(16), losses=_next_words)


def vit() -> Workload:
    """Four layers of width 192 on small images, all weights."""
    import transformers

    library: Any = transformers
    model = library.ViTForImageClassification(
        library.ViTConfig(
            hidden_size=192,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=768,
            image_size=32,
            patch_size=4,
            num_labels=10,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    return Workload(model=model, batch=_images(32), losses=_pictures)


def cnn() -> Workload:
    """Three convolutions with group normalisation."""
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(8, after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    layers[-1] = nn.AdaptiveAvgPool2d(1)
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 10))
    return Workload(model=model, batch=_images(32), losses=_shapes)


def ncf() -> Workload:
    """Neural collaborative filtering over 20,000 users and 5,000 items."""
    batch = {
        "user": torch.randint(_USERS, (256,)),
        "item": torch.randint(_ITEMS, (256,)),
        "label": torch.rand(256).round(),
    }
    return Workload(model=_Filter(), batch=batch, losses=_likes)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "BERT 4×256, all weights, batch 32": bert,
    "BERT 4×256, LoRA, batch 32": bert_lora,
    "BERT 4×256, head, batch 32": bert_head,
    "GPT-2 4×256 tied, batch 16": gpt2,
    "ViT 4×192, all weights, batch 32": vit,
    "CNN, batch 32": cnn,
    "NCF 20k × 5k, batch 256": ncf,
}


class _Filter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(_USERS, 32), nn.Embedding(_ITEMS, 32)
        self.network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        both = torch.cat([self.users(user), self.items(item)], dim=1)
        score: Tensor = self.network(both).squeeze(1)
        return score


def _bert() -> nn.Module:
    import transformers

    library: Any = transformers
    model: nn.Module = library.BertForSequenceClassification(
        library.BertConfig(
            vocab_size=_WORDS,
            hidden_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=1024,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    return model


def _tokens(records: int) -> Batch:
    # Positions are written out for Opacus, which cannot tell records apart in [1, tokens].
    return {
        "tokens": torch.randint(_WORDS, (records, _TOKENS)),
        "positions": torch.arange(_TOKENS).expand(records, -1).contiguous(),
        "types": torch.zeros(records, _TOKENS, dtype=torch.int64),
        "label": torch.randint(2, (records,)),
    }


def _images(records: int) -> Batch:
    return {"image": torch.randn(records, 3, 32, 32), "label": torch.randint(10, (records,))}


def _classes(model: Forward, batch: Batch) -> Tensor:
    answer = model(
        input_ids=batch["tokens"],
        position_ids=batch["positions"],
        token_type_ids=batch["types"],
    )
    return functional.cross_entropy(answer.logits, batch["label"], reduction="none")


def _next_words(model: Forward, batch: Batch) -> Tensor:
    tokens = batch["tokens"]
    scores = model(input_ids=tokens, position_ids=batch["positions"], use_cache=False).logits[
        :, :-1
    ]
    each = functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return each.view(len(tokens), -1).mean(1)


def _pictures(model: Forward, batch: Batch) -> Tensor:
    scores = model(pixel_values=batch["image"]).logits
    return functional.cross_entropy(scores, batch["label"], reduction="none")


def _shapes(model: Forward, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(batch["image"]), batch["label"], reduction="none")


def _likes(model: Forward, batch: Batch) -> Tensor:
    scores = model(batch["user"], batch["item"])
    return functional.binary_cross_entropy_with_logits(scores, batch["label"], reduction="none")
