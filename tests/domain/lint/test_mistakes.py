"""Each mistake, beside what only looks like it."""

from decimal import Decimal

import pytest

from securefed.domain.lint.case import Case
from securefed.domain.lint.mistakes import MISTAKES
from securefed.domain.lint.verdict import Mistake
from tests.domain.lint.scripts import HEAD, LOADER, PRIVATE, case, mistakes, numbers, open_questions

SCRIPT = f"{HEAD}{LOADER}SIGMA = 1\n{PRIVATE}"
ROUND = f"""
{HEAD}
class Client(NumPyClient):
    def __init__(self, loader):
        self.loader = loader

    def fit(self, parameters, config):
        {{engine}}
        model, optimizer, private = engine.make_private(
            module=net, optimizer=sgd, data_loader=self.loader, noise_multiplier=1.0)
        for x in private:
            optimizer.step()
        {{report}}
        return get_weights(model), 1000, {{{{}}}}
{LOADER}
"""
LIVES_ON = "start_client(client=Client(loader).to_client())"
REPORT = "print(engine.get_epsilon(delta=1e-5))"


def client(engine: str, report: str = REPORT, end: str = LIVES_ON) -> str:
    return ROUND.format(engine=engine, report=report) + end


def the_one(found: Case) -> Mistake:
    (mistake,) = [one for rule in MISTAKES for one in rule.check(found) if isinstance(one, Mistake)]
    return mistake


def test_a_sound_script_has_none() -> None:
    assert mistakes(case(SCRIPT)) == []
    assert open_questions(case(SCRIPT)) == []


# --- the engine ----------------------------------------------------------------------------------


def test_an_engine_in_fit_forgets() -> None:
    assert mistakes(case(client("engine = PrivacyEngine()"))) == ["engine-recreated"]


@pytest.mark.parametrize(
    "engine",
    [
        "engine = PrivacyEngine(); engine.accountant.load_state_dict(saved)",
        "engine = PrivacyEngine(); engine.load_checkpoint(path='c', module=net)",
        "engine = PrivacyEngine(); engine.accountant = self.accountant",
        "engine = PrivacyEngine(); engine.accountant.history = self.history",
    ],
)
def test_an_engine_that_is_given_its_history_remembers(engine: str) -> None:
    assert mistakes(case(client(engine))) == []


@pytest.mark.parametrize(
    "test", ["self.engine is None", "not self.engine", "not hasattr(self, 'engine')"]
)
def test_an_engine_that_is_made_where_there_is_none_is_made_once(test: str) -> None:
    made = f"if {test}:\n            self.engine = PrivacyEngine()\n        engine = self.engine"
    assert mistakes(case(client(made))) == []
    # Where the client itself is made anew in each round, the engine is too.
    ending = "def client_fn(context):\n    return Client(loader)\napp = ClientApp(client_fn)"
    assert mistakes(case(client(made, end=ending))) == ["engine-recreated"]


def test_another_condition_does_not_make_it_once() -> None:
    made = (
        "if self.private:\n            self.engine = PrivacyEngine()\n        engine = self.engine"
    )
    assert mistakes(case(client(made))) == ["engine-recreated"]


def test_rounds_that_are_added_up_are_no_mistake() -> None:
    summed = "self.total += engine.get_epsilon(delta=1e-6)"
    assert mistakes(case(client("engine = PrivacyEngine()", summed))) == []


def test_an_engine_whose_epsilon_nobody_reads_is_asked_about() -> None:
    script = client("engine = PrivacyEngine()", "pass")
    assert mistakes(case(script)) == []
    assert "accounting=per-round or whole" in open_questions(case(script))
    assert mistakes(case(script, "accounting=per-round")) == ["engine-recreated"]
    assert "accounting=per-round or whole" not in open_questions(case(script, "accounting=whole"))


@pytest.mark.parametrize(
    "ending",
    [
        "app = ClientApp(client_fn=lambda context: Client(loader))",
        "def client_fn(cid):\n    return Client(loader)\nstart_simulation(client_fn=client_fn)",
    ],
)
def test_a_client_that_is_built_for_each_round_builds_its_engine_each_round(ending: str) -> None:
    script = client("engine = self.engine", end=ending).replace(
        "self.loader = loader", "self.loader = loader\n        self.engine = PrivacyEngine()"
    )
    assert mistakes(case(script)) == ["engine-recreated"]
    assert mistakes(case(script.replace(ending, LIVES_ON))) == []


def test_an_engine_in_a_loop_over_rounds() -> None:
    body = PRIVATE.replace("\n", "\n    ")
    loop = f"{HEAD}{LOADER}SIGMA = 1\nfor rnd in range(9):\n    {body}"
    assert mistakes(case(loop)) == ["engine-recreated"]
    assert mistakes(case(loop.replace("engine = PrivacyEngine(secure_mode=True)", "pass"))) == []


def test_one_round_is_all_rounds() -> None:
    script = client("engine = PrivacyEngine()")
    assert mistakes(case(script, "rounds=1")) == []
    assert mistakes(numbers("accounting=per-round", "rounds=1")) == []
    assert mistakes(numbers("accounting=per-round", "rounds=2")) == ["engine-recreated"]


def test_an_engine_of_somebody_else_is_none_of_ours() -> None:
    script = client("engine = PrivacyEngine()").replace("from opacus", "from elsewhere")
    assert "engine-recreated" not in mistakes(case(script))


# --- rounds and epochs ---------------------------------------------------------------------------

TARGET = f"""
{HEAD}{LOADER}
NUM_ROUNDS = 10
engine = PrivacyEngine(secure_mode=True)
model, optimizer, private = engine.make_private_with_epsilon(
    module=model, optimizer=sgd, data_loader=loader, target_epsilon=1.0, target_delta=1e-5,
    epochs={{epochs}}, max_grad_norm=1.0)
for r in range(NUM_ROUNDS):
    for _ in range({{passes}}):
        for x in private:
            optimizer.step()
"""


@pytest.mark.parametrize(
    ("epochs", "passes", "found"),
    [
        ("NUM_ROUNDS", "1", []),
        ("NUM_ROUNDS", "2", ["rounds-as-epochs"]),
        ("NUM_ROUNDS * 2", "2", []),
        ("NUM_ROUNDS * 2", "3", ["epsilon-too-low"]),
        ("20", "2", []),
        ("19", "2", ["epsilon-too-low"]),
        ("2", "2", ["epsilon-too-low"]),
    ],
)
def test_epochs_are_compared_with_what_is_run(epochs: str, passes: str, found: list[str]) -> None:
    assert mistakes(case(TARGET.format(epochs=epochs, passes=passes))) == found


def test_updates_of_unknown_number_are_asked_for() -> None:
    script = TARGET.format(epochs="NUM_ROUNDS", passes="config['local_epochs']")
    assert mistakes(case(script)) == []
    assert "local-epochs or local-steps" in open_questions(case(script))
    assert mistakes(case(script, "local-epochs=1")) == []
    assert mistakes(case(script, "local-epochs=2")) == ["rounds-as-epochs"]


def test_steps_are_held_against_the_batches_of_a_pass() -> None:
    loop = "for r in range(NUM_ROUNDS):\n    for _ in range(100):\n        optimizer.step()\n"
    script = TARGET.format(epochs="NUM_ROUNDS", passes="1").partition("for r")[0] + loop
    assert mistakes(case(script)) == ["rounds-as-epochs"]
    assert mistakes(case(script.replace("range(100)", "range(20)"))) == []
    unsized = script.replace("torch.randn(1000, 2)", "features")
    assert mistakes(case(unsized)) == []
    assert "records and batch" in open_questions(case(unsized))
    assert mistakes(case(unsized, "records=100", "batch=50")) == ["rounds-as-epochs"]


COUNTED = f"""
{HEAD}{LOADER}SIGMA = 1
NUM_ROUNDS = 10
{PRIVATE.partition("for features")[0]}
for r in range(NUM_ROUNDS):
    for _ in range({{passes}}):
        for x in private:
            optimizer.step()
            {{inside}}
    {{after}}
"""
STEP = "accountant.step(noise_multiplier=SIGMA, sample_rate=0.05)"


@pytest.mark.parametrize(
    ("passes", "inside", "after", "found"),
    [
        ("2", STEP, "pass", []),
        ("2", "pass", STEP, ["rounds-as-epochs"]),
        ("2", "pass", f"for _ in range(40):\n        {STEP}", []),
        ("2", "pass", f"for _ in range(39):\n        {STEP}", ["rounds-as-epochs"]),
        (
            "1",
            "pass",
            "compute_rdp(q=0.05, noise_multiplier=1, steps=NUM_ROUNDS)",
            ["rounds-as-epochs"],
        ),
        ("1", "pass", "get_noise_multiplier(epochs=NUM_ROUNDS, sample_rate=0.05)", []),
        (
            "2",
            "pass",
            "get_noise_multiplier(epochs=NUM_ROUNDS, sample_rate=0.05)",
            ["rounds-as-epochs"],
        ),
        ("2", "pass", "get_noise_multiplier(epochs=2 * NUM_ROUNDS, sample_rate=0.05)", []),
        ("config.passes", "pass", STEP, []),
    ],
)
def test_steps_that_are_counted_by_hand(
    passes: str, inside: str, after: str, found: list[str]
) -> None:
    assert mistakes(case(COUNTED.format(passes=passes, inside=inside, after=after))) == found


def test_a_count_that_cannot_be_compared_is_asked_about() -> None:
    script = COUNTED.format(passes="config.passes", inside="pass", after=STEP)
    assert "local-epochs or local-steps" in open_questions(case(script))
    assert mistakes(case(script, "local-epochs=3")) == ["rounds-as-epochs"]


# --- δ -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "found"),
    [
        ("1e-5", []),
        ("0.000999", []),
        ("1e-3", ["delta-not-below-one-over-n"]),
        ("0.1", ["delta-not-below-one-over-n"]),
        ("1 / len(loader.dataset)", ["delta-not-below-one-over-n"]),
        ("1.0 / len(dataset)", ["delta-not-below-one-over-n"]),
        ("2 / num_samples", ["delta-not-below-one-over-n"]),
        ("1 / (10 * len(loader.dataset))", []),
        ("0.5 / len(loader.dataset)", []),
        ("len(loader.dataset) ** -1.1", []),
        ("1 / len(loader)", ["delta-from-batches"]),
        ("1 / len(private)", ["delta-from-batches"]),
        ("1 / num_batches", ["delta-from-batches"]),
    ],
)
def test_delta_is_compared_with_the_records(delta: str, found: list[str]) -> None:
    dataset = "dataset = TensorDataset(torch.randn(1000, 2))\nloader = DataLoader(dataset, 50)\n"
    script = f"{HEAD}{dataset}SIGMA = 1\n{PRIVATE}".replace("delta=1e-5", f"delta={delta}")
    assert mistakes(case(script)) == found


def test_delta_against_an_unknown_number_of_records_is_asked_for() -> None:
    script = SCRIPT.replace("torch.randn(1000, 2)", "features")
    assert mistakes(case(script)) == []
    assert open_questions(case(script)) == ["records"]
    assert mistakes(case(script, "records=100000")) == ["delta-not-below-one-over-n"]
    assert mistakes(case(script, "records=99999")) == []


def test_declared_records_do_not_replace_those_of_the_script() -> None:
    assert mistakes(case(SCRIPT, "records=1000000")) == []


def test_declared_deltas() -> None:
    sizes = ("records=400", "batch=32")
    assert mistakes(numbers(*sizes, "delta=0.0025")) == ["delta-not-below-one-over-n"]
    assert mistakes(numbers(*sizes, "delta=0.00249")) == []
    assert mistakes(numbers(*sizes, "delta=0.0769")) == ["delta-from-batches"]
    assert mistakes(numbers("records=10", "batch=1", "delta=0.1")) == ["delta-not-below-one-over-n"]


# --- sampling ------------------------------------------------------------------------------------


def test_shuffled_batches() -> None:
    shuffled = SCRIPT.replace("max_grad_norm", "poisson_sampling=False, max_grad_norm")
    assert mistakes(case(shuffled)) == ["not-poisson"]
    assert mistakes(case(shuffled.replace("=False", "=True"))) == []


def test_a_shuffled_loader_that_is_made_private_is_replaced_by_a_poisson_one() -> None:
    assert mistakes(case(SCRIPT.replace("batch_size=50", "batch_size=50, shuffle=True"))) == []


def test_the_original_loader() -> None:
    assert mistakes(case(SCRIPT.replace("in private:", "in loader:"))) == ["not-poisson"]
    assert mistakes(case(SCRIPT.replace("in private:", "in enumerate(tqdm(loader)):"))) == [
        "not-poisson"
    ]


def test_a_plain_optimiser_on_the_original_loader_is_not_accounted() -> None:
    plain = "plain_optimizer = torch.optim.SGD(p)\nfor x in loader:\n    plain_optimizer.step()\n"
    assert mistakes(case(SCRIPT + plain)) == []


def test_sampling_that_is_decided_elsewhere_is_asked_for() -> None:
    script = SCRIPT.replace("max_grad_norm", "poisson_sampling=flag, max_grad_norm")
    assert mistakes(case(script)) == []
    assert "sampling=poisson or shuffle" in open_questions(case(script))
    assert mistakes(case(script, "sampling=shuffle")) == ["not-poisson"]
    assert open_questions(case(script, "sampling=poisson")) == []


OWN = f"""
{HEAD}
from opacus.optimizers import DPOptimizer
from opacus.utils.uniform_sampler import UniformWithReplacementSampler
from opacus.data_loader import DPDataLoader
data = TensorDataset(torch.randn(1000, 2))
loader = {{loader}}
optimizer = DPOptimizer(sgd, noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=50)
for x in loader:
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("loader", "found"),
    [
        ("DataLoader(data, batch_size=50, shuffle=True)", ["not-poisson"]),
        ("DataLoader(data, batch_sampler=UniformWithReplacementSampler(sample_rate=0.05))", []),
        ("DPDataLoader.from_data_loader(DataLoader(data, 50))", []),
        ("DPDataLoader(data, sample_rate=0.05)", []),
        ("loader_from_elsewhere()", []),
    ],
)
def test_an_optimiser_of_opacus_by_itself(loader: str, found: list[str]) -> None:
    assert mistakes(case(OWN.format(loader=loader))) == found


# --- seeds ---------------------------------------------------------------------------------------

UNSAFE = SCRIPT.replace("secure_mode=True", "")


@pytest.mark.parametrize(
    "seed",
    [
        "torch.manual_seed(42)",
        "SEED = 1\ntorch.manual_seed(SEED)",
        "torch.cuda.manual_seed_all(0)",
        "from pytorch_lightning import seed_everything\nseed_everything(7)",
        "def fix(seed=3):\n    torch.manual_seed(seed)\nfix()",
    ],
)
def test_a_seed_that_stands_in_the_script(seed: str) -> None:
    assert mistakes(case(f"import torch\n{seed}\n{UNSAFE}")) == ["seeded-noise"]
    assert mistakes(case(f"import torch\n{seed}\n{SCRIPT}")) == []


@pytest.mark.parametrize(
    "seed",
    [
        "np.random.seed(0)\nrandom.seed(0)",
        "torch.manual_seed(42)\nmodel = Net()\ntorch.seed()",
        "torch.manual_seed(int.from_bytes(os.urandom(8), 'big'))",
        "torch.manual_seed(secrets.randbits(63))",
        "other.manual_seed(1)",
    ],
)
def test_a_seed_that_does_not_fix_the_noise(seed: str) -> None:
    assert mistakes(case(f"import torch\n{seed}\n{UNSAFE}")) == []


def test_a_seed_from_elsewhere_is_asked_for() -> None:
    script = f"import torch\ntorch.manual_seed(config.seed)\n{UNSAFE}"
    assert mistakes(case(script)) == []
    assert open_questions(case(script)) == ["seed=fixed or random"]
    assert mistakes(case(script, "seed=fixed")) == ["seeded-noise"]
    assert open_questions(case(script, "seed=random")) == []


@pytest.mark.parametrize(
    ("generator", "found"),
    [
        ("torch.Generator()", ["seeded-noise"]),
        ("torch.Generator(device='cuda').manual_seed(5)", ["seeded-noise"]),
        ("fixed", ["seeded-noise"]),
        ("fresh", []),
        ("elsewhere", []),
    ],
)
def test_a_generator_for_the_noise(generator: str, found: list[str]) -> None:
    made = (
        "fixed = torch.Generator()\nfixed.manual_seed(1)\nfresh = torch.Generator()\nfresh.seed()\n"
    )
    script = UNSAFE.replace("max_grad_norm", f"noise_generator={generator}, max_grad_norm")
    assert mistakes(case(f"import torch\n{made}{script}")) == found


# --- noise divided by sites ----------------------------------------------------------------------

SERVER = """
import numpy as np
NUM_SITES = 4
def aggregate(updates, sizes):
    average = {average}
    return average + {noise}
"""
EVEN = "sum(updates) / NUM_SITES"
WEIGHTED = "np.average(updates, axis=0, weights=sizes)"


@pytest.mark.parametrize(
    ("average", "noise", "found"),
    [
        (WEIGHTED, "np.random.normal(0, 1.0 / NUM_SITES, 3)", True),
        (WEIGHTED, "np.random.normal(scale=1.0 / NUM_SITES, size=3)", True),
        (WEIGHTED, "np.random.randn(3) * 1.0 / NUM_SITES", True),
        (WEIGHTED, "torch.randn_like(updates[0]) * (1.0 / NUM_SITES)", True),
        (WEIGHTED, "np.random.normal(0, 1.0, 3)", False),
        (EVEN, "np.random.normal(0, 1.0 / NUM_SITES, 3)", False),
        ("sum(n_samples / total_samples * u for u in updates)", "randn(3) / NUM_SITES", True),
    ],
)
def test_noise_by_heads_and_updates_by_weight(average: str, noise: str, found: bool) -> None:
    script = SERVER.format(average=average, noise=noise)
    assert mistakes(case(script)) == (["noise-divided-by-sites"] if found else [])


@pytest.mark.parametrize(
    ("by", "added", "fraction"),
    [
        ("sites", "server", "0.61"),
        ("root-sites", "site", "0.70"),
        ("sites", "site", "0.35"),
    ],
)
def test_the_fraction_of_the_noise_that_is_there(by: str, added: str, fraction: str) -> None:
    weights = "weights=199,172,30,85"
    found = the_one(numbers(weights, f"noise-divided-by={by}", f"noise-added-by={added}"))
    assert f"{fraction} of the stated noise" in found.what


def test_the_fraction_is_that_of_a_direct_calculation() -> None:
    declared = ("weights=199,172,30,85", "noise=1", "rounds=10", "delta=1e-5", "records=486")
    found = the_one(numbers(*declared, "noise-divided-by=sites"))
    (whole,), (part,) = found.claimed.charges, found.honest.charges
    assert whole.noise == Decimal(1)
    assert (whole.rate, whole.steps) == (Decimal(1), 10)
    assert isinstance(part.noise, Decimal)
    # σC/4 of noise, where one hospital of 199 of 486 patients changes the average by C·199/486.
    assert abs(part.noise - Decimal(486) / (4 * 199)) < Decimal("1e-20")


def test_equal_weights_have_all_the_noise() -> None:
    assert mistakes(numbers("weights=5,5,5", "noise-divided-by=sites")) == []
    assert mistakes(numbers("weights=5,5,5", "noise-divided-by=root-sites")) == []


@pytest.mark.parametrize(
    "sizes", ["SIZES = [199, 172, 30, 85]", "SIZES = {'a': 199, 'b': 172, 'c': 30, 'd': 85}"]
)
def test_weights_that_stand_in_the_script(sizes: str) -> None:
    script = SERVER.format(
        average="np.average(updates, weights=SIZES)", noise="np.random.normal(0, 1 / NUM_SITES, 3)"
    )
    assert "0.61 of the stated noise" in the_one(case(f"{sizes}\n{script}")).what


def test_a_strategy_of_flower_weights_by_records() -> None:
    own = "class Noisy(fl.server.strategy.FedAvg):\n    def aggregate_fit(self, results):\n"
    body = "        return self.sum(results) + np.random.normal(0, 1 / NUM_CLIENTS, 3)\n"
    script = f"import flwr as fl\nimport numpy as np\nNUM_CLIENTS = 4\n{own}{body}"
    assert mistakes(case(script)) == ["noise-divided-by-sites"]


def test_noise_of_nobody_in_particular_is_asked_about() -> None:
    script = SERVER.format(average=WEIGHTED, noise="np.random.normal(0, 1 / NUM_SITES, 3)")
    script = script.replace("def aggregate", "def something")
    assert mistakes(case(script)) == []
    assert open_questions(case(script)) == ["noise-added-by=site or server"]
    assert mistakes(case(script, "noise-added-by=server")) == ["noise-divided-by-sites"]


def test_an_average_that_is_not_in_the_script_is_asked_for() -> None:
    script = SERVER.format(average="merge(updates)", noise="np.random.normal(0, 1 / NUM_SITES, 3)")
    assert mistakes(case(script)) == []
    assert open_questions(case(script)) == ["weights"]
    assert mistakes(case(script, "weights=1,2,3,4")) == ["noise-divided-by-sites"]


# --- accountants and several runs ----------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        "PrivacyEngine(accountant='gdp')",
        "opacus.accountants.GaussianAccountant()",
        "opacus.accountants.create_accountant(mechanism='gdp')",
        "get_noise_multiplier(target_epsilon=1, accountant='gdp', sample_rate=0.1, steps=3)",
    ],
)
def test_the_gdp_accountant(choice: str) -> None:
    head = "import opacus\nfrom opacus import PrivacyEngine\n"
    assert mistakes(case(f"{head}{choice}")) == ["gdp-accountant"]
    for other in ("prv", "rdp"):
        sound = choice.replace("gdp", other).replace("Gaussian", "RDP")
        assert mistakes(case(f"{head}{sound}")) == []


def test_an_accountant_from_elsewhere_is_asked_for() -> None:
    script = SCRIPT.replace("PrivacyEngine(", "PrivacyEngine(accountant=args.how, ")
    assert open_questions(case(script)) == ["accountant"]
    assert mistakes(case(script, "accountant=gdp")) == ["gdp-accountant"]
    assert open_questions(case(script, "accountant=prv")) == []


@pytest.mark.parametrize(
    ("loop", "found"),
    [
        ("for lr in [0.1, 0.2]:", ["epsilon-not-accumulated"]),
        ("for run in range(3):", ["epsilon-not-accumulated"]),
        ("for run in range(1):", []),
        ("for lr in rates:", ["epsilon-not-accumulated"]),
        ("for loader in loaders:", []),
    ],
)
def test_trainings_in_a_loop(loop: str, found: list[str]) -> None:
    body = PRIVATE.replace("\n", "\n    ")
    assert mistakes(case(f"{HEAD}{LOADER}SIGMA = 1\n{loop}\n    {body}")) == found


def test_two_trainings_on_the_same_data() -> None:
    assert mistakes(case(SCRIPT + PRIVATE)) == ["epsilon-not-accumulated"]
    elsewhere = PRIVATE.replace("=loader", "=DataLoader(TensorDataset(torch.randn(500, 2)), 5)")
    assert mistakes(case(SCRIPT + elsewhere)) == []


def test_two_trainings_are_charged_together() -> None:
    found = the_one(case(SCRIPT + PRIVATE))
    assert [one.steps for one in found.claimed.charges] == [20]
    assert [one.steps for one in found.honest.charges] == [20, 20]


def test_one_engine_for_two_trainings_adds_them_up_itself() -> None:
    again = PRIVATE.replace("engine = PrivacyEngine(secure_mode=True)\n", "")
    assert mistakes(case(SCRIPT + again)) == []


# --- declared numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pair", "found"),
    [
        ("seed=fixed", ["seeded-noise"]),
        ("seed=random", []),
        ("sampling=shuffle", ["not-poisson"]),
        ("sampling=poisson", []),
        ("accountant=gdp", ["gdp-accountant"]),
        ("accountant=pld", []),
        ("accounting=per-round", ["engine-recreated"]),
        ("accounting=whole", []),
        ("noise-divided-by=sites", []),
    ],
)
def test_a_mistake_that_is_declared(pair: str, found: list[str]) -> None:
    assert mistakes(numbers(pair)) == found


def test_an_epsilon_without_its_numbers_is_asked_about() -> None:
    assert open_questions(numbers("epsilon=3", "records=400", "batch=32", "delta=1e-5")) == [
        "noise and rounds"
    ]
