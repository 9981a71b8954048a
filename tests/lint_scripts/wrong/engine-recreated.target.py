"""A ClientApp in the message style that asks for its whole target in each round."""

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

app = ClientApp()
LOCAL_EPOCHS = 2


def loader_of(partition):
    generator = torch.Generator()
    generator.seed()
    features = torch.randn(1200, 20, generator=generator)
    labels = torch.randint(0, 2, (1200,))
    return DataLoader(TensorDataset(features, labels), batch_size=60)


@app.train()
def train(message: Message, context: Context):
    model = torch.nn.Linear(20, 2)
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_loader = loader_of(context.node_config["partition-id"])
    engine = PrivacyEngine()
    model, optimizer, train_loader = engine.make_private_with_epsilon(
        module=model,
        optimizer=optimizer,
        data_loader=train_loader,
        target_epsilon=2.0,
        target_delta=1e-5,
        epochs=LOCAL_EPOCHS,
        max_grad_norm=1.0,
    )
    criterion = torch.nn.CrossEntropyLoss()
    for _ in range(LOCAL_EPOCHS):
        for features, labels in train_loader:
            optimizer.zero_grad()
            criterion(model(features), labels).backward()
            optimizer.step()
    metrics = MetricRecord({"num-examples": len(train_loader.dataset)})
    arrays = ArrayRecord(model._module.state_dict())
    return Message(content=RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)
