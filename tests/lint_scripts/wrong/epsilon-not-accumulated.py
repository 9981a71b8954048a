"""A search over learning rates; each run tells its own epsilon, and the best one is published."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

DELTA = 1e-6
data = TensorDataset(torch.randn(12000, 7), torch.randint(0, 2, (12000,)))
train_loader = DataLoader(data, batch_size=120)
results = {}
for lr in [0.5, 0.1, 0.05, 0.01]:
    model = torch.nn.Linear(7, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    privacy_engine = PrivacyEngine()
    dp_model, dp_optimizer, dp_loader = privacy_engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=train_loader,
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    losses = []
    for features, labels in dp_loader:
        dp_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(dp_model(features), labels)
        loss.backward()
        losses.append(loss.item())
        dp_optimizer.step()
    results[lr] = (sum(losses), privacy_engine.get_epsilon(DELTA))
print(min(results.values()))
