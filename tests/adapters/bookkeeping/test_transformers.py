"""Models of the transformers library, from small configurations, whole and with LoRA."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.hooks import HooksModule
from tests.adapters.bookkeeping.oracle import (
    Batch,
    assert_exact,
    assert_same,
    by_engine,
    gradients_of,
)

transformers: Any = pytest.importorskip("transformers", reason="the extra 'models' is not here")

WORDS, TOKENS, RECORDS = 40, 7, 4
TEXT = {"vocab_size": WORDS, "num_labels": 3}
SMALL = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 24, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
}


def tokens() -> Tensor:
    return torch.randint(2, WORDS, (RECORDS, TOKENS))


def labels() -> Tensor:
    return torch.randint(3, (RECORDS,))


def classes(model: nn.Module, batch: Batch) -> Tensor:
    inputs, wanted = batch
    return functional.cross_entropy(model(inputs).logits, wanted, reduction="none")


def next_token(model: nn.Module, batch: Batch) -> Tensor:
    (ids,) = batch
    scores = model(input_ids=ids, use_cache=False).logits[:, :-1]
    each = functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return each.view(len(ids), -1).mean(1)


def bert() -> nn.Module:
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**TEXT, **SMALL))
    assert isinstance(model, nn.Module)
    return model


def distilbert() -> nn.Module:
    config = transformers.DistilBertConfig(
        **TEXT, dim=16, n_layers=2, n_heads=2, hidden_dim=24, dropout=0.0, attention_dropout=0.0
    )
    config.seq_classif_dropout = 0.0
    model = transformers.DistilBertForSequenceClassification(config)
    assert isinstance(model, nn.Module)
    return model


def roberta() -> nn.Module:
    config = transformers.RobertaConfig(**TEXT, **SMALL, pad_token_id=1)
    model = transformers.RobertaForSequenceClassification(config)
    assert isinstance(model, nn.Module)
    return model


def gpt2(*, tied: bool) -> nn.Module:
    config = transformers.GPT2Config(
        vocab_size=WORDS,
        **{"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16},
        **{"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
        **{"tie_word_embeddings": tied, "bos_token_id": 0, "eos_token_id": 0},
    )
    model = transformers.GPT2LMHeadModel(config)
    assert isinstance(model, nn.Module)
    return model


def llama(*, tied: bool) -> nn.Module:
    config = transformers.LlamaConfig(
        vocab_size=WORDS,
        **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"num_key_value_heads": 1, "intermediate_size": 24, "tie_word_embeddings": tied},
    )
    model = transformers.LlamaForCausalLM(config)
    assert isinstance(model, nn.Module)
    return model


def vit() -> nn.Module:
    config = transformers.ViTConfig(**SMALL, image_size=8, patch_size=4, num_labels=3)
    model = transformers.ViTForImageClassification(config)
    assert isinstance(model, nn.Module)
    return model


@pytest.mark.parametrize("make", [bert, distilbert, roberta])
def test_classifiers_called_as_usual(make: Any) -> None:
    assert_exact(make(), (tokens(), labels()), classes)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("make", [gpt2, llama])
def test_language_models(make: Any, tied: bool) -> None:
    assert_exact(make(tied=tied), (tokens(),), next_token)


def test_vision_transformer_with_its_raw_parameters() -> None:
    assert_exact(vit(), (torch.randn(RECORDS, 3, 8, 8), labels()), classes)


def test_head_only() -> None:
    model = bert()
    model.requires_grad_(False)
    model.get_submodule("classifier").requires_grad_(True)
    assert_exact(model, (tokens(), labels()), classes)


def test_the_model_s_own_way_to_save_activations() -> None:
    model: Any = roberta()
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    assert_exact(model, (tokens(), labels()), classes)


LORA = {
    "bert": (bert, {"target_modules": ["query", "value"], "modules_to_save": ["classifier"]}),
    "vit": (vit, {"target_modules": ["q_proj", "v_proj", "query", "value"]}),
    "gpt2": (lambda: gpt2(tied=True), {"target_modules": ["c_attn"], "fan_in_fan_out": True}),
    "llama": (lambda: llama(tied=False), {"target_modules": "all-linear"}),
}


@pytest.mark.parametrize("case", LORA)
def test_lora(case: str) -> None:
    peft: Any = pytest.importorskip("peft", reason="the extra 'models' is not here")
    make, options = LORA[case]
    model = peft.get_peft_model(make(), peft.LoraConfig(r=2, **options))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter)
    if case in {"gpt2", "llama"}:
        assert_exact(model, (tokens(),), next_token)
    elif case == "vit":
        assert_exact(model, (torch.randn(RECORDS, 3, 8, 8), labels()), classes)
    else:
        assert_exact(model, (tokens(), labels()), classes)


def by_place(model: nn.Module, batch: Batch) -> Tensor:
    """The next token, with positions for each record, without which hooks cannot do."""
    (ids,) = batch
    places = torch.arange(TOKENS).expand(ids.shape).contiguous()
    scores = model(input_ids=ids, position_ids=places, use_cache=False).logits[:, :-1]
    each = functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return each.view(len(ids), -1).mean(1)


BY_HOOKS: dict[str, tuple[Any, Any, Any]] = {
    "roberta": (roberta, lambda: (tokens(), labels()), classes),
    "gpt2": (lambda: gpt2(tied=True), lambda: (tokens(),), by_place),
    "llama": (lambda: llama(tied=True), lambda: (tokens(),), by_place),
    "vit": (vit, lambda: (torch.randn(RECORDS, 3, 8, 8), labels()), classes),
}


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("case", BY_HOOKS)
def test_hooks_agree(case: str, rows: int) -> None:
    make, draw, losses = BY_HOOKS[case]
    model, batch, clip = make().train(), draw(), 0.5
    expected, sums = by_engine(model, batch, losses, clip, rows)
    module = HooksModule(model)
    done = module.clipped_sum(losses(module, batch), clip, unit_rows=rows)
    torch.testing.assert_close(done.norms, expected.norms, rtol=1e-5, atol=1e-8)
    assert_same(gradients_of(model), sums, 1e-5)
