"""Privacy can be switched off, and runs can be repeated; by default there is one private run."""

import argparse

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


def train(args, model, train_loader, optimizer, privacy_engine, epoch):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    if not args.disable_dp:
        epsilon, alpha = privacy_engine.accountant.get_privacy_spent(delta=args.delta)
        print(f"epoch {epoch}: ε = {epsilon:.2f} for α = {alpha}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-b", "--batch-size", type=int, default=512)
    parser.add_argument("-n", "--epochs", type=int, default=15)
    parser.add_argument("-r", "--n-runs", type=int, default=1)
    parser.add_argument("--sigma", type=float, default=1.1)
    parser.add_argument("-c", "--max-per-sample-grad-norm", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument("--disable-dp", action="store_true", default=False)
    args = parser.parse_args()
    train_loader = DataLoader(
        datasets.FashionMNIST("data", train=True, transform=transforms.ToTensor()),
        batch_size=args.batch_size,
    )
    for _ in range(args.n_runs):
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        privacy_engine = None
        if not args.disable_dp:
            privacy_engine = PrivacyEngine(accountant="rdp")
            model, optimizer, train_loader = privacy_engine.make_private(
                module=model,
                optimizer=optimizer,
                data_loader=train_loader,
                noise_multiplier=args.sigma,
                max_grad_norm=args.max_per_sample_grad_norm,
            )
        for epoch in range(1, args.epochs + 1):
            train(args, model, train_loader, optimizer, privacy_engine, epoch)


if __name__ == "__main__":
    main()
