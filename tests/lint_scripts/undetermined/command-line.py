"""The noise, the batch and the delta are given on the command line; the data come from a file."""

import argparse

import torch
from mypackage.data import read_table
from opacus import PrivacyEngine
from torch.utils.data import DataLoader

parser = argparse.ArgumentParser()
parser.add_argument("--noise", type=float, required=True)
parser.add_argument("--batch-size", type=int, required=True)
parser.add_argument("--delta", type=float, required=True)
parser.add_argument("--seed", type=int, required=True)
args = parser.parse_args()

torch.manual_seed(args.seed)
loader = DataLoader(read_table("admissions.csv"), batch_size=args.batch_size)
model = torch.nn.Linear(20, 2)
engine = PrivacyEngine()
model, optimizer, loader = engine.make_private(
    module=model,
    optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
    data_loader=loader,
    noise_multiplier=args.noise,
    max_grad_norm=1.0,
)
for _ in range(3):
    for features, labels in loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()
print(engine.get_epsilon(args.delta))
