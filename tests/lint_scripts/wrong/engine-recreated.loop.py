"""Federated averaging written by hand; every round calls a training function with a new engine."""

import copy

import torch
import torch.nn.functional as F
from opacus import PrivacyEngine
from opacus.validators import ModuleValidator
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, models, transforms

CONFIG = {"rounds": 20, "clients": 5, "batch": 64, "sigma": 0.8, "clip": 1.2, "delta": 1e-6}


def local_update(global_model, loader, lr):
    model = copy.deepcopy(global_model)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    engine = PrivacyEngine(accountant="rdp")
    model, optimizer, loader = engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=CONFIG["sigma"],
        max_grad_norm=CONFIG["clip"],
    )
    for epoch in range(2):
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
    return model._module.state_dict(), engine.get_epsilon(CONFIG["delta"])


def main():
    data = datasets.CIFAR10("data", train=True, download=True, transform=transforms.ToTensor())
    shards = [Subset(data, range(i * 10000, (i + 1) * 10000)) for i in range(CONFIG["clients"])]
    loaders = [DataLoader(shard, batch_size=CONFIG["batch"], shuffle=True) for shard in shards]
    model = ModuleValidator.fix(models.resnet18(num_classes=10))
    for rnd in range(CONFIG["rounds"]):
        states, spent = [], []
        for loader in loaders:
            state, epsilon = local_update(model, loader, lr=1e-3)
            states.append(state)
            spent.append(epsilon)
        merged = {key: sum(state[key] for state in states) / len(states) for key in states[0]}
        model.load_state_dict(merged)
        print(f"round {rnd}: epsilon {max(spent):.2f}")


if __name__ == "__main__":
    main()
