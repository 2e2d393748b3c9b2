"""The zoo: shipped weights are what their records say, training finds them again, damage is refused."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from qlab import zoo
from qlab.zoo import files, train_digits_cnn, write_digits


@pytest.fixture
def folder(tmp_path):
    """A copy of the zoo's files that a test may damage."""
    for path in files.FOLDER.glob("*.json"):
        shutil.copy(path, tmp_path)
        shutil.copy(path.with_suffix(".safetensors"), tmp_path)
    return tmp_path


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    reference = load_digits()
    (train_x, train_y), (test_x, test_y) = zoo.digits("train"), zoo.digits("test")
    assert (len(train_y), len(test_y)) == (1297, 500)
    images = torch.cat([train_x, test_x])
    assert images.dtype == torch.float32 and images.shape == (1797, 1, 8, 8)
    assert torch.equal(images.double().squeeze(1) * 16, torch.from_numpy(reference.images))
    assert torch.equal(torch.cat([train_y, test_y]), torch.from_numpy(reference.target))


def test_writing_the_digits_again_gives_the_shipped_file(tmp_path):
    write_digits.main(["--out", str(tmp_path)])
    for name in ("digits.safetensors", "digits.json"):
        assert (tmp_path / name).read_bytes() == (files.FOLDER / name).read_bytes()


def test_unknown_split():
    with pytest.raises(ValueError, match=r"no split 'validation': use 'train' or 'test'"):
        zoo.digits("validation")


def test_accuracy_is_the_recorded_one():
    record = zoo.record("digits_cnn")
    images, labels = zoo.digits("test")
    right = (zoo.load("digits_cnn")(images).argmax(1) == labels).sum().item()
    assert record["test_images"] == len(labels)
    assert abs(right - record["accuracy"] * len(labels)) < 1.5  # another CPU may turn one image over
    assert zoo.accuracy(zoo.load("digits_cnn")) == right / len(labels)


def test_training_again_reaches_the_recorded_accuracy(tmp_path):
    state = torch.random.get_rng_state()
    train_digits_cnn.main(["--out", str(tmp_path / "new")])
    assert torch.equal(torch.random.get_rng_state(), state)
    again, shipped = zoo.record("digits_cnn", tmp_path / "new"), zoo.record("digits_cnn")
    assert abs(again["accuracy"] - shipped["accuracy"]) <= 0.005
    assert again["parameters"] == shipped["parameters"]
    assert zoo.accuracy(zoo.load("digits_cnn", tmp_path / "new")) == again["accuracy"]


def test_load_gives_a_fresh_trainable_model_in_eval_mode():
    state = torch.random.get_rng_state()
    first, second = zoo.load("digits_cnn"), zoo.load("digits_cnn")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module.training for module in first.modules())
    assert all(p.requires_grad and p.dtype == torch.float32 for p in first.parameters())
    before = second.fc1.weight.clone()
    with torch.no_grad():
        first.fc1.weight.zero_()
    assert torch.equal(second.fc1.weight, before) and before.any()
    loss = second.train()(zoo.digits("train")[0][:8]).sum()
    loss.backward()
    assert second.conv1.weight.grad.any()


def test_a_loaded_model_saves_and_loads_again(tmp_path):
    model = zoo.load("digits_cnn")
    save_file(model.state_dict(), tmp_path / "copy.safetensors")
    copy = load_file(tmp_path / "copy.safetensors")
    assert all(torch.equal(copy[key], value) for key, value in model.state_dict().items())


def test_accuracy_runs_in_eval_mode_and_puts_the_flags_back():
    model = zoo.load("digits_cnn").train()
    model.bn1.eval()
    running = model.bn2.running_mean.clone()
    assert zoo.accuracy(model) == zoo.accuracy(zoo.load("digits_cnn"))
    assert model.training and model.bn2.training and not model.bn1.training
    assert torch.equal(model.bn2.running_mean, running)
    assert zoo.accuracy(model.double(), "train") > zoo.accuracy(model) > 0.95


def test_names_and_records():
    assert zoo.names() == ["digits_cnn", "digit_detector"]
    record = zoo.record("digits_cnn")
    assert record["parameters"] == sum(p.numel() for p in zoo.load("digits_cnn").parameters())
    assert {"seed", "epochs", "torch", "accuracy"} <= record.keys()


@pytest.mark.parametrize("call", [zoo.load, zoo.record], ids=["load", "record"])
@pytest.mark.parametrize(
    ("name", "message"),
    [("digit_cnn", "did you mean 'digits_cnn'"), ("resnet", "the zoo has digits_cnn"), (3, "the zoo has")],
    ids=["near", "far", "not-a-string"],
)
def test_unknown_model(call, name, message):
    with pytest.raises(ValueError, match=message):
        call(name)


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "missing": (".safetensors", lambda p: p.unlink(), "cannot be read: No such file"),
    "empty": (".safetensors", lambda p: p.write_bytes(b""), "its 0 bytes have the checksum"),
    "truncated": (".safetensors", lambda p: p.write_bytes(p.read_bytes()[:-1]), "is damaged: its"),
    "one-bit-flipped": (".safetensors", flip_a_byte, "its record expects"),
    "a-folder": (".safetensors", lambda p: (p.unlink(), p.mkdir()), "cannot be read"),
    "record-missing": (".json", lambda p: p.unlink(), "cannot be read: No such file"),
    "record-truncated": (".json", lambda p: p.write_bytes(p.read_bytes()[:50]), "expected a JSON record"),
    "record-binary": (".json", lambda p: p.write_bytes(b"\xff\xfe\x00"), "expected a JSON record"),
    "record-a-list": (".json", lambda p: p.write_text("[]"), "with a 'sha256' entry"),
    "record-without-checksum": (".json", lambda p: p.write_text("{}"), "with a 'sha256' entry"),
}


@pytest.mark.parametrize("name", ["digits_cnn", "digit_detector", "digits"])
@pytest.mark.parametrize(("suffix", "damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_files_are_refused(folder, name, suffix, damage, message):
    damage(folder / f"{name}{suffix}")
    with pytest.raises(ValueError, match=message) as error:
        zoo.digits("test", folder) if name == "digits" else zoo.load(name, folder)
    assert f"{name}{suffix}" in str(error.value)
    assert f"python -m {files.SCRIPTS[name]}" in str(error.value)


CHANGES = {
    "wrong-shape": (
        lambda t: t | {"fc1.weight": torch.zeros(64, 127)},
        r"'fc1.weight' is \(64, 127\) torch.float32",
    ),
    "wrong-dtype": (lambda t: t | {"fc2.bias": torch.zeros(10).half()}, r"expected \(10,\) torch.float32"),
    "missing-entry": (lambda t: {k: t[k] for k in t if k != "bn1.bias"}, "'bn1.bias' is missing"),
    "extra-entry": (lambda t: t | {"fc3.bias": torch.zeros(1)}, r"'fc3.bias' is .*, expected missing"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_weights_of_another_architecture_are_refused(folder, change, message):
    tensors = change(zoo.load("digits_cnn").state_dict())
    files.write_tensors("digits_cnn", tensors, {}, folder)
    with pytest.raises(ValueError, match=message):
        zoo.load("digits_cnn", folder)


def test_a_file_that_is_no_safetensors_is_refused_whatever_its_checksum(folder):
    data = save({"x": torch.zeros(3)})[:-2]
    (folder / "digits_cnn.safetensors").write_bytes(data)
    (folder / "digits_cnn.json").write_text(json.dumps({"sha256": hashlib.sha256(data).hexdigest()}))
    with pytest.raises(ValueError, match="not a safetensors file"):
        zoo.load("digits_cnn", folder)
