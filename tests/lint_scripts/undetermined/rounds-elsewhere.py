"""The noise is chosen for as many epochs as there are rounds; what a round is stands elsewhere."""

from opacus import PrivacyEngine


def protect(model, optimizer, loader, num_rounds, delta=1e-6):
    engine = PrivacyEngine(secure_mode=True)
    return engine.make_private_with_epsilon(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        target_epsilon=1.0,
        target_delta=delta,
        epochs=num_rounds,
        max_grad_norm=1.0,
    )
