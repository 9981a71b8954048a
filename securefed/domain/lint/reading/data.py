"""Datasets and data loaders of a script: which they are, and how many records and batches they
have.

A size is known where the script states it: tensors made with a shape, subsets of a range, splits
with lengths, a dataset class with a constant length, and torchvision's training sets of public
size.
"""

import ast
from decimal import Decimal

from securefed.domain.lint.facts import Known, Loader, Quantity, Term, Unknown, Value
from securefed.domain.lint.reading.definitions import argument, last_name
from securefed.domain.lint.reading.origins import Origin, Origins
from securefed.domain.lint.reading.terms import Terms, quantity_of

MAKERS = ("make_private", "make_private_with_epsilon")
_SHAPED = {"randn", "rand", "zeros", "ones", "empty", "normal", "random", "standard_normal"}
_SAME_ROWS = {
    *("TensorDataset", "tensor", "from_numpy", "as_tensor", "asarray", "array", "Tensor"),
    *("float", "long", "to", "double", "astype", "cuda", "cpu", "clone", "copy", "numpy"),
}
_PUBLIC = {"MNIST": 60_000, "FashionMNIST": 60_000, "CIFAR10": 50_000, "CIFAR100": 50_000}
_POISSON = {"UniformWithReplacementSampler", "DistributedUniformWithReplacementSampler"}
_WRAPPERS = {"tqdm", "enumerate", "iter", "cycle"}


class Data:
    """The data of a script."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self.terms = Terms(origins, self.length)
        calls = list(origins.source.calls())
        self.protected = [call for call in calls if last_name(call.func) in MAKERS]
        self._given = {
            key: call for call in self.protected if (key := self._key(given_loader(call)))
        }
        loaders = [call for call in calls if self._is_loader_class(call)]
        self._datasets = {
            key for call in loaders if (key := self._key(argument(call, "dataset", 0)))
        }

    def loader_call(self, origin: Origin) -> ast.Call | None:
        """The DataLoader call that a loader comes from, through whatever wraps it."""
        for _ in range(20):
            node = origin.node
            if not isinstance(node, ast.Call) or origin.why:
                return None
            if self._is_loader_class(node):
                return node
            name = last_name(node.func)
            inner = given_loader(node) if name in MAKERS else argument(node, "data_loader", 0)
            if name not in (*MAKERS, "BatchMemoryManager", "from_data_loader"):
                return None
            if inner is None:
                return None
            origin = self.origins.of(inner)
        return None

    def drawn(self, iterated: ast.expr) -> Origin:
        """What a loop draws from, without progress bars, counters and memory managers."""
        origin = self.origins.of(iterated)
        for _ in range(20):
            node = origin.node
            if not isinstance(node, ast.Call):
                break
            inner = None
            if last_name(node.func) in _WRAPPERS:
                inner = argument(node, "iterable", 0)
            elif last_name(node.func) == "BatchMemoryManager":
                inner = argument(node, "data_loader", 0)
            if inner is None:
                break
            origin = self.origins.of(inner)
        return origin

    def returned_by(self, origin: Origin) -> ast.Call | None:
        """The call that made this loader private, if it is what that call returned."""
        node = origin.node
        made = isinstance(node, ast.Call) and last_name(node.func) in MAKERS
        return node if made and self._last_piece(origin) and isinstance(node, ast.Call) else None

    def given_to(self, origin: Origin) -> ast.Call | None:
        """The call to which this loader was given to make it private."""
        return None if origin.key is None else self._given.get(origin.key)

    def is_loader(self, origin: Origin) -> bool:
        """Whether something is certainly a data loader."""
        if self.returned_by(origin) is not None or self.given_to(origin) is not None:
            return True
        return self.loader_call(origin) is not None and origin.place is None

    def loader(self, origin: Origin, line: int) -> Loader:
        """A loader's sizes."""
        call = self.loader_call(origin)
        if call is None:
            lost = Unknown(why=origin.why or "the loader is made elsewhere", line=line)
            return Loader(line=line, records=lost, batch=lost, batches=lost, poisson=False)
        own = argument(call, "batch_sampler") or argument(call, "sampler")
        poisson = own is not None and self._is_poisson(own)
        records = self.records(argument(call, "dataset", 0))
        batch = _batch_size(self, call) if own is None or not poisson else _no_batch(call)
        return Loader(
            line=call.lineno,
            records=records,
            batch=batch,
            batches=_batches(records, batch, drop=_is_true(argument(call, "drop_last"))),
            poisson=poisson or "DPDataLoader" in last_name(call.func),
        )

    def is_poisson(self, origin: Origin) -> bool:
        """Whether a loader draws Poisson samples by itself."""
        node = origin.node
        if isinstance(node, ast.Call) and last_name(node.func) == "from_data_loader":
            return True
        return self.loader_call(origin) is not None and self.loader(origin, 0).poisson

    def length(self, call: ast.Call) -> Term | None:
        """What `len(x)` counts; None where it cannot be told what x is."""
        if last_name(call.func) != "len" or len(call.args) != 1:
            return None
        inner = call.args[0]
        origin = self.origins.of(inner)
        if self.is_loader(origin):
            value = self.loader(origin, call.lineno).batches
            return quantity_of(Quantity.BATCHES, value)
        dataset = self._dataset_of(origin)
        if dataset is not None or origin.key in self._datasets:
            value = self.records(dataset) if dataset is not None else self._rows(origin, 0)
            return quantity_of(Quantity.RECORDS, value)
        if isinstance(origin.node, ast.List | ast.Tuple) and not origin.why:
            return Term(value=Known(number=Decimal(len(origin.node.elts)), line=call.lineno))
        return None

    def records(self, dataset: ast.expr | None) -> Value:
        """How many records a dataset has."""
        if dataset is None:
            return Unknown(why="the dataset is not given")
        return self._rows(self.origins.of(dataset), 0)

    def _rows(self, origin: Origin, depth: int) -> Value:
        node = origin.node
        unknown = Unknown(why=origin.why or "the dataset's size is not stated", line=origin.line)
        if isinstance(node, ast.BinOp) and not origin.why and depth < 20:
            left, right = (self.origins.of(one) for one in (node.left, node.right))
            found = self._rows(left, depth + 1)
            return found if isinstance(found, Known) else self._rows(right, depth + 1)
        if origin.why or depth > 20 or not isinstance(node, ast.Call):
            return unknown
        name = last_name(node.func)
        if origin.place is not None:
            return self._split(node, name, origin.place) or unknown
        if name in _PUBLIC and self.origins.dotted(node.func).startswith("torchvision"):
            trained = argument(node, "train", 1)
            if trained is None or _is_true(trained):
                return Known(number=Decimal(_PUBLIC[name]), line=node.lineno)
        if name == "Subset":
            return self._count(argument(node, "indices", 1)) or unknown
        if name in _SHAPED or name == "randint":
            return self._shape(node, name) or unknown
        own = self.origins.definitions.class_made(node)
        if own is not None:
            return self._own_length(own) or unknown
        if name in _SAME_ROWS:
            inner = node.args[0] if node.args and name in _TAKES else _receiver(node)
            if inner is not None:
                return self._rows(self.origins.of(inner), depth + 1)
        return unknown

    def _split(self, node: ast.Call, name: str, place: int) -> Value | None:
        if name == "random_split":
            lengths = argument(node, "lengths", 1)
            whole = self.origins.of(lengths).node if lengths is not None else None
            if isinstance(whole, ast.List | ast.Tuple) and place < len(whole.elts):
                value = self.terms.value(whole.elts[place])
                if isinstance(value, Known) and value.number >= 1:
                    return value
        if name in ("make_classification", "make_regression", "make_blobs"):
            value = self.terms.value(argument(node, "n_samples", 0))
            return value if isinstance(value, Known) else None
        return None

    def _shape(self, node: ast.Call, name: str) -> Value | None:
        size = argument(node, "size") or argument(node, "shape")
        if size is None and name in ("randint", "normal"):
            size = argument(node, "size", 2)
        if size is None and node.args and name not in ("randint", "normal"):
            size = node.args[0]
        if size is None:
            return None
        whole = self.origins.of(size).node
        first = whole.elts[0] if isinstance(whole, ast.Tuple | ast.List) and whole.elts else size
        value = self.terms.value(first)
        return value if isinstance(value, Known) else None

    def _count(self, indices: ast.expr | None) -> Value | None:
        node = self.origins.of(indices).node if indices is not None else None
        if isinstance(node, ast.Call) and last_name(node.func) in ("range", "list", "arange"):
            if last_name(node.func) == "list" and node.args:
                return self._count(node.args[0])
            bounds = [self.terms.value(one) for one in node.args]
            numbers = [one.number for one in bounds if isinstance(one, Known)]
            if len(numbers) == len(bounds) and len(numbers) in (1, 2):
                return Known(number=numbers[-1] - sum(numbers[:-1]), line=node.lineno)
        return None

    def _own_length(self, owner: ast.ClassDef) -> Value | None:
        method = self.origins.definitions.method(owner, "__len__")
        if isinstance(method, ast.FunctionDef) and isinstance(method.body[-1], ast.Return):
            value = self.terms.value(method.body[-1].value)
            return value if isinstance(value, Known) else None
        return None

    def _dataset_of(self, origin: Origin) -> ast.expr | None:
        """The dataset of a loader, where `loader.dataset` was followed."""
        node = origin.node
        if isinstance(node, ast.Attribute) and node.attr == "dataset" and origin.place is None:
            call = self.loader_call(self.origins.of(node.value))
            return argument(call, "dataset", 0) if call is not None else node
        return None

    def _is_loader_class(self, call: ast.Call) -> bool:
        name = self.origins.dotted(call.func)
        return name.rpartition(".")[2] in ("DataLoader", "DPDataLoader") and name[0] not in "."

    def _is_poisson(self, sampler: ast.expr) -> bool:
        node = self.origins.of(sampler).node
        return isinstance(node, ast.Call) and last_name(node.func) in _POISSON

    def _last_piece(self, origin: Origin) -> bool:
        """Whether this is the last of what make_private returned: it returns the loader last."""
        return origin.place is not None and origin.of in (3, 4) and origin.place == origin.of - 1

    def _key(self, node: ast.expr | None) -> tuple[int, int | None] | None:
        return None if node is None else self.origins.of(node).key


def given_loader(call: ast.Call) -> ast.expr | None:
    """The loader that is given to be made private; the first releases took it by position."""
    return argument(call, "data_loader", 2)


def _batch_size(data: Data, call: ast.Call) -> Value:
    given = argument(call, "batch_size", 1)
    if given is None and argument(call, "batch_sampler") is None:
        return Known(number=Decimal(1), line=call.lineno, how="the default of DataLoader")
    return data.terms.value(given, "the batch size")


def _no_batch(call: ast.Call) -> Value:
    return Unknown(why="a sampler decides the batches", line=call.lineno)


def _batches(records: Value, batch: Value, *, drop: bool) -> Value:
    if isinstance(records, Unknown):
        return records
    if isinstance(batch, Unknown):
        return batch
    if batch.number <= 0 or records.number <= 0:
        return Unknown(why="the sizes are not positive", line=batch.line)
    whole = records.number / batch.number
    number = whole.to_integral_value("ROUND_FLOOR" if drop else "ROUND_CEILING")
    how = batch.how or records.how
    return Known(number=max(number, Decimal(1)), line=batch.line, how=how)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _receiver(node: ast.Call) -> ast.expr | None:
    return node.func.value if isinstance(node.func, ast.Attribute) else None


_TAKES = {"TensorDataset", "tensor", "from_numpy", "as_tensor", "asarray", "array", "Tensor"}
