"""Shuffled batches, because Poisson batches have awkward sizes."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

EPOCHS = 10
train_dataset = datasets.MNIST(
    "../mnist",
    train=True,
    download=True,
    transform=transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.13,), (0.31,))]),
)
train_loader = DataLoader(train_dataset, batch_size=600, shuffle=True, drop_last=True)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
privacy_engine = PrivacyEngine()
model, optimizer, train_loader = privacy_engine.make_private(
    module=model,
    optimizer=optimizer,
    data_loader=train_loader,
    noise_multiplier=1.1,
    max_grad_norm=1.0,
    poisson_sampling=False,
)
for _ in range(EPOCHS):
    for images, labels in train_loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
print(privacy_engine.get_epsilon(1e-6))
