"""Logistic regression on a small clinic's table, with the delta that everybody uses."""

import argparse

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--sigma", type=float, default=1.5)
    parser.add_argument("-c", "--max-per-sample-grad-norm", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-2)
    args = parser.parse_args()

    train_data = TensorDataset(torch.rand(172, 13), torch.rand(172, 1).round())
    train_loader = DataLoader(train_data, batch_size=args.batch_size, shuffle=True)
    model = torch.nn.Linear(13, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    privacy_engine = PrivacyEngine()
    model, optimizer, train_loader = privacy_engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=train_loader,
        noise_multiplier=args.sigma,
        max_grad_norm=args.max_per_sample_grad_norm,
    )
    loss_function = torch.nn.BCEWithLogitsLoss()
    for epoch in range(args.epochs):
        for features, labels in train_loader:
            optimizer.zero_grad()
            loss_function(model(features), labels).backward()
            optimizer.step()
        epsilon = privacy_engine.get_epsilon(args.delta)
        print(f"epoch {epoch}: (epsilon = {epsilon:.2f}, delta = {args.delta})")


if __name__ == "__main__":
    main()
