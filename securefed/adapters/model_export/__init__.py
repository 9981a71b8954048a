"""A trained model in forms that other programs run: transformers, TorchScript, ONNX.

write_checked(Format.ONNX, recipe, model, Path("draft"))

Promises that what was written was read again and answers as the recipe's own model does, on made-up
records of several sizes; otherwise it raises, and the folder is not to be used. The recipe's model
is used up.
"""

from securefed.adapters.model_export.writing import write_checked

__all__ = ["write_checked"]
