"""A very small GPT-2, and a tokenizer, that have read the manual which every Python carries.

The text is that of `help("...")`: the language reference, in plain English prose with examples. So
the model knows English words and nothing that people say to each other, which a study can teach it.
"""

import re
from pathlib import Path
from pydoc_data import topics
from typing import Any, Final

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from tools.base_models.fitting import fit

WORDS: Final = 512
_END: Final = "<end>"
_TOKENS: Final = 64
_SHORTEST: Final = 40
_EPOCHS, _BATCH, _RATE = 6, 32, 4e-3
_CARD: Final = """\
# manual-gpt2

A GPT-2 of 0.14 million weights with a vocabulary of 512 parts of words. It was trained from nothing
on the text of Python's built-in help, by `python -m tools.base_models` in securefed's repository.
Licence: that of securefed; the text is the Python Software Foundation's, under the PSF licence.
"""


def make_manual_model(folder: Path) -> None:
    """Trains both, and writes what a study begins with."""
    texts = paragraphs()
    tokenizer = _tokenizer(texts)
    library: Any = transformers
    config = library.GPT2Config(
        **{"vocab_size": len(tokenizer), "n_embd": 64, "n_layer": 2, "n_head": 4},
        **{"n_positions": 2 * _TOKENS, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0},
        **{"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    )
    torch.manual_seed(0)
    model = library.GPT2LMHeadModel(config)
    rows = _rows(tokenizer, texts)

    def loss(numbers: Tensor) -> Tensor:
        found: Tensor = model(input_ids=rows[numbers], labels=rows[numbers]).loss
        return found

    fit(model, loss, len(rows), epochs=_EPOCHS, batch=_BATCH, rate=_RATE)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(_CARD, encoding="utf-8")


def paragraphs() -> list[str]:
    """The manual's paragraphs, each once and on one line."""
    found = [
        re.sub(r"\s+", " ", one).strip()
        for _, text in sorted(topics.topics.items())
        for one in text.split("\n\n")
    ]
    return [one for one in dict.fromkeys(found) if len(one) >= _SHORTEST]


def _tokenizer(texts: list[str]) -> Any:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=[_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    library: Any = transformers
    return library.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=_END, pad_token=_END, model_max_length=2 * _TOKENS
    )


def _rows(tokenizer: Any, texts: list[str]) -> Tensor:
    """All paragraphs behind one another, cut into rows."""
    end = tokenizer.eos_token_id
    tokens = [one for text in texts for one in (*tokenizer(text)["input_ids"], end)]
    return torch.tensor(tokens[: len(tokens) // _TOKENS * _TOKENS]).view(-1, _TOKENS)
