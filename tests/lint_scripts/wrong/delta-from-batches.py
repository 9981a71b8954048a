"""Fine-tuning a text classifier; the delta comes from the length of the loader."""

import torch
from opacus import PrivacyEngine
from opacus.utils.batch_memory_manager import BatchMemoryManager
from torch.utils.data import DataLoader, TensorDataset
from tqdm.notebook import tqdm
from transformers import BertForSequenceClassification

BATCH_SIZE = 32
MAX_PHYSICAL_BATCH_SIZE = 8
EPOCHS = 3
EPSILON = 7.5

train_dataset = TensorDataset(torch.randint(0, 30000, (20000, 128)), torch.randint(0, 3, (20000,)))
train_dataloader = DataLoader(train_dataset, batch_size=BATCH_SIZE)
DELTA = 1 / len(train_dataloader)

model = BertForSequenceClassification.from_pretrained("bert-base-cased", num_labels=3)
model = model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, eps=1e-8)
privacy_engine = PrivacyEngine()
model, optimizer, train_dataloader = privacy_engine.make_private_with_epsilon(
    module=model,
    optimizer=optimizer,
    data_loader=train_dataloader,
    target_delta=DELTA,
    target_epsilon=EPSILON,
    epochs=EPOCHS,
    max_grad_norm=0.1,
)

for epoch in range(1, EPOCHS + 1):
    losses = []
    with BatchMemoryManager(
        data_loader=train_dataloader,
        max_physical_batch_size=MAX_PHYSICAL_BATCH_SIZE,
        optimizer=optimizer,
    ) as memory_safe_data_loader:
        for step, batch in enumerate(tqdm(memory_safe_data_loader)):
            optimizer.zero_grad()
            outputs = model(input_ids=batch[0], labels=batch[1])
            outputs.loss.backward()
            losses.append(outputs.loss.item())
            optimizer.step()
    print(epoch, sum(losses) / len(losses), privacy_engine.get_epsilon(DELTA))
