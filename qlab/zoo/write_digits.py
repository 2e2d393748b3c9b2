"""Make digits.safetensors from scikit-learn's bundled copy: python -m qlab.zoo.write_digits [--out FOLDER].

Needs scikit-learn; nothing else in the zoo does. The file holds all 1,797 images in their original order, cut
into the first 1,297 for training and the last 500 for testing, not shuffled: digits by one writer stand close
together, and a shuffled split lets a model meet its test writers in training (it then scores over 99 %).
"""

import torch

from qlab.zoo.files import out_folder, write_tensors

TRAIN_IMAGES = 1297

RECORD = {
    "title": "Optical Recognition of Handwritten Digits, test set (1,797 images of 8x8, integers 0..16)",
    "authors": "E. Alpaydin and C. Kaynak, 1998",
    "source": "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49",
    "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    "changes": "taken from sklearn.datasets.load_digits; stored as uint8; cut into train and test",
}


def main(arguments: list[str] | None = None) -> None:
    """Write digits.safetensors and digits.json into the --out folder (default: the package)."""
    from sklearn.datasets import load_digits

    out = out_folder(__doc__, arguments)
    data = load_digits()
    images = torch.from_numpy(data.images).to(torch.uint8)
    labels = torch.from_numpy(data.target).to(torch.uint8)
    tensors = {
        "train_images": images[:TRAIN_IMAGES].contiguous(),
        "train_labels": labels[:TRAIN_IMAGES].contiguous(),
        "test_images": images[TRAIN_IMAGES:].contiguous(),
        "test_labels": labels[TRAIN_IMAGES:].contiguous(),
    }
    write_tensors("digits", tensors, RECORD, out)
    print(f"wrote digits.safetensors and digits.json to {out}")


if __name__ == "__main__":
    main()
