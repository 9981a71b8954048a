"""The delta is one over the number of records, and not below it."""

import torch
from clinic.data import load_admissions
from opacus import PrivacyEngine
from torch.utils.data import DataLoader

train_set, test_set = load_admissions()
train_loader = DataLoader(train_set, batch_size=256, shuffle=True)
model = torch.nn.Linear(40, 2)
optimizer = torch.optim.Adam(model.parameters())
engine = PrivacyEngine()
model, optimizer, train_loader = engine.make_private_with_epsilon(
    module=model,
    optimizer=optimizer,
    data_loader=train_loader,
    target_epsilon=3.0,
    target_delta=1 / len(train_set),
    epochs=5,
    max_grad_norm=1.0,
)
for _ in range(5):
    for features, labels in train_loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()
