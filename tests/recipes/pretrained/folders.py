"""Model folders as a site has them, very small, and a network that nobody may use."""

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
import tokenizers
import torch
import transformers as library

# Most of it has no types.
_transformers: Any = library
WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "food", "service", "very", "not"),
    *("a", "nurse", "opens", "the", "door", "bread"),
)
_UNKNOWN, _END, _PAD = {"unk_token": WORDS[1]}, {"eos_token": WORDS[3]}, {"pad_token": WORDS[0]}
_SMALL = {
    **{"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 24, "max_position_embeddings": 32, "pad_token_id": 0},
}


def bert(folder: Path, kind: str = "BertModel", **changes: Any) -> Path:
    """A BERT with random weights and a tokenizer of a few words."""
    torch.manual_seed(1)
    model = getattr(_transformers, kind)(_transformers.BertConfig(**_SMALL | changes))
    model.save_pretrained(folder)
    _save_tokenizer(folder, begin_and_end=True, **_UNKNOWN, **_PAD)
    return folder


def gpt2(folder: Path, kind: str = "GPT2LMHeadModel") -> Path:
    """A GPT-2 with random weights, tied, without a token for padding."""
    torch.manual_seed(2)
    config = _transformers.GPT2Config(
        **{"vocab_size": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32},
        **{"bos_token_id": 3, "eos_token_id": 3},
    )
    getattr(_transformers, kind)(config).save_pretrained(folder)
    _save_tokenizer(folder, begin_and_end=False, **_UNKNOWN, **_END)
    return folder


def llama(folder: Path) -> Path:
    """A Llama with random weights, untied."""
    torch.manual_seed(3)
    config = _transformers.LlamaConfig(
        **{"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 32},
        **{"bos_token_id": 2, "eos_token_id": 3},
    )
    _transformers.LlamaForCausalLM(config).save_pretrained(folder)
    _save_tokenizer(folder, begin_and_end=False, **_UNKNOWN, **_END)
    return folder


def _save_tokenizer(folder: Path, *, begin_and_end: bool, **marks: str) -> None:
    words = {word: number for number, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, **_UNKNOWN))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if begin_and_end:
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    _transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(
        folder
    )


def changed(folder: Path, file: str, **changes: object) -> None:
    """Changes keys of a JSON file."""
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to connect, or to look up a name, fails the test."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
