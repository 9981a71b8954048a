"""Sizes of data, loaders, rounds and training loops, as a script states them."""

from decimal import Decimal

import pytest

from securefed.domain.lint.facts import Known, Quantity, Unknown, Value
from tests.domain.lint.scripts import HEAD, LOADER, PRIVATE, facts

RECORDS = {
    "tensors": ("TensorDataset(torch.randn(1000, 2), torch.randn(1000, 1))", 1000),
    "a shape as a tuple": ("TensorDataset(torch.zeros((640, 2)))", 640),
    "random whole numbers": ("TensorDataset(torch.randint(0, 2, (300,)))", 300),
    "a tensor on a device": ("TensorDataset(torch.randn(90, 2).float().to(device))", 90),
    "shifted": ("TensorDataset(torch.randn(90, 2) * 3 + 1)", 90),
    "from numpy": ("TensorDataset(torch.from_numpy(np.random.rand(70, 2)))", 70),
    "a part": ("Subset(everything, range(400))", 400),
    "a middle part": ("Subset(everything, list(range(100, 400)))", 300),
    "digits": ("datasets.MNIST('data', train=True)", 60000),
    "pictures": ("datasets.CIFAR10('data')", 50000),
}


def sizes(text: str) -> tuple[Value, Value]:
    loader = facts(f"{HEAD}{text}\nSIGMA = 1\n{PRIVATE}").protections[0].loader
    return loader.records, loader.batches


def number(value: Value) -> Decimal:
    assert isinstance(value, Known), value
    return value.number


@pytest.mark.parametrize(("dataset", "records"), RECORDS.values(), ids=list(RECORDS))
def test_the_records_of_a_dataset(dataset: str, records: int) -> None:
    imports = "import numpy as np\nfrom torchvision import datasets\n"
    found, _ = sizes(f"{imports}loader = DataLoader({dataset}, batch_size=50)")
    assert number(found) == records


def test_a_split_has_the_lengths_that_it_is_given() -> None:
    split = "train, test = torch.utils.data.random_split(everything, [320, 80])\n"
    found, _ = sizes(f"{split}loader = DataLoader(train, 32)")
    assert number(found) == 320


def test_a_dataset_class_with_a_constant_length() -> None:
    owner = "class Rows(Dataset):\n    def __len__(self):\n        return 199\n"
    found, _ = sizes(f"{owner}loader = DataLoader(Rows(), 4)")
    assert number(found) == 199


@pytest.mark.parametrize(
    "dataset",
    [
        "read_table('a.csv')",
        "datasets.CIFAR10('data', train=False)",
        "TensorDataset(features)",
        "torch.utils.data.random_split(everything, [0.8, 0.2])[0]",
        "Subset(everything, chosen)",
    ],
)
def test_a_size_that_is_not_stated_is_unknown(dataset: str) -> None:
    imports = "from torchvision import datasets\n"
    found, batches = sizes(f"{imports}loader = DataLoader({dataset}, batch_size=50)")
    assert isinstance(found, Unknown)
    assert isinstance(batches, Unknown)


@pytest.mark.parametrize(
    ("arguments", "batches"),
    [
        ("32", 13),
        ("batch_size=32", 13),
        ("batch_size=32, drop_last=True", 12),
        ("batch_size=1000", 1),
        ("batch_size=1000, drop_last=True", 1),
        ("shuffle=True", 400),
    ],
)
def test_a_loader_has_as_many_batches_as_torch_makes(arguments: str, batches: int) -> None:
    _, found = sizes(f"loader = DataLoader(TensorDataset(torch.randn(400, 2)), {arguments})")
    assert number(found) == batches


def test_a_loader_keeps_its_size_when_it_is_made_private_under_its_own_name() -> None:
    private = PRIVATE.replace("optimizer, private", "optimizer, loader").replace(
        "in private", "in loader"
    )
    script = facts(f"{HEAD}{LOADER}SIGMA = 1\n{private}")
    assert number(script.protections[0].loader.batches) == 20
    assert script.work[0].returned_by == 0


LOOPS = {
    "one pass": ("for x in private:\n    optimizer.step()", Quantity.EPOCHS, 1),
    "passes": (
        "for e in range(3):\n    for i, x in enumerate(tqdm(private)):\n        optimizer.step()",
        Quantity.EPOCHS,
        3,
    ),
    "from one on": (
        "for epoch in range(1, 5):\n    for x in private:\n        optimizer.step()",
        Quantity.EPOCHS,
        4,
    ),
    "a function for each pass": (
        "def train(batches):\n    for x in batches:\n        optimizer.step()\n"
        "for epoch in range(6):\n    train(private)",
        Quantity.EPOCHS,
        6,
    ),
    "small batches": (
        "with BatchMemoryManager(data_loader=private, optimizer=optimizer) as small:\n"
        "    for x in small:\n        optimizer.step()",
        Quantity.EPOCHS,
        1,
    ),
    "steps": ("for _ in range(100):\n    x = next(it)\n    optimizer.step()", Quantity.STEPS, 100),
}


@pytest.mark.parametrize(("loop", "unit", "amount"), LOOPS.values(), ids=list(LOOPS))
def test_a_training_loop_is_counted(loop: str, unit: Quantity, amount: int) -> None:
    head = PRIVATE.partition("for features")[0]
    (work,) = facts(f"{HEAD}{LOADER}SIGMA = 1\n{head}{loop}\n").work
    assert work.unit is unit
    assert number(work.amount.value) == amount


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n    optimizer.step()",
        "for lr in rates:\n    for x in private:\n        optimizer.step()",
        "for part in parts:\n    optimizer.step()",
        "def train():\n    for x in private:\n        optimizer.step()\ntrain()\ntrain()",
    ],
)
def test_a_loop_whose_passes_are_not_stated_is_not_counted(loop: str) -> None:
    head = PRIVATE.partition("for features")[0]
    (work,) = facts(f"{HEAD}{LOADER}SIGMA = 1\n{head}{loop}\n").work
    assert isinstance(work.amount.value, Unknown)


ROUNDS = {
    "a loop over rounds": ("NUM_ROUNDS = 7\nfor r in range(NUM_ROUNDS):\n    pass", 7),
    "a variable for a round": ("for server_round in range(1, 12):\n    pass", 11),
    "a server's configuration": ("fl.server.ServerConfig(num_rounds=50)", 50),
    "a strategy's start": ("strategy.start(grid=grid, num_rounds=9)", 9),
}


@pytest.mark.parametrize(("text", "rounds"), ROUNDS.values(), ids=list(ROUNDS))
def test_the_rounds_of_a_script(text: str, rounds: int) -> None:
    assert number(facts(text).rounds) == rounds


def test_two_numbers_of_rounds_are_none() -> None:
    text = "fl.server.ServerConfig(num_rounds=5)\nfor round in range(6):\n    pass"
    assert isinstance(facts(text).rounds, Unknown)
