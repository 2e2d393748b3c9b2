"""Train the digits CNN: python -m qlab.zoo.train_digits_cnn [--out FOLDER]. A few seconds on two cores.

It trains in float64 and stores float32. Rounding differences between machines and thread counts then stay far
below what the stored weights can show, so another machine finds the same model.
"""

import torch
from torch.nn.functional import cross_entropy

from qlab.zoo.digits_cnn import DigitsCNN
from qlab.zoo.digits_data import accuracy, digits
from qlab.zoo.files import out_folder, write_model

SEED = 0
EPOCHS = 20
BATCH = 64
LEARNING_RATE = 5e-3


def train() -> DigitsCNN:
    """Return the trained model, float32 and in evaluation mode. The global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = DigitsCNN().double()
        _fit(model)
    return model.float().eval()


def _fit(model: DigitsCNN) -> None:
    images, labels = digits("train")
    images = images.double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    steps = EPOCHS * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(BATCH):
            loss = cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def main(arguments: list[str] | None = None) -> None:
    """Train, then write digits_cnn.safetensors and digits_cnn.json into the --out folder."""
    out = out_folder(__doc__, arguments)
    model = train()
    record = {"accuracy": accuracy(model), "test_images": len(digits("test")[1]), "seed": SEED, "epochs": EPOCHS}
    write_model("digits_cnn", model, record, out)


if __name__ == "__main__":
    main()
