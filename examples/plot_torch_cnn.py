"""
A convolutional network of torch
================================

A small network reads handwritten digits from encrypted images. Whatever network one has goes the
same way: :func:`~cml_sklearn.compile_torch_model` takes the module and typical inputs.
"""

from time import perf_counter

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from cml_sklearn import compile_torch_model, preflight

X, y = load_digits(return_X_y=True)
images = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(images, y, test_size=0.3, random_state=0)

# %%
# Each ReLU of an element is a lookup, so the convolution has few places: 2 x 2, in 8 channels.
# Batch normalization costs nothing.
torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 8, kernel_size=7, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32, 10),
)
optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.05)
inputs, labels = torch.as_tensor(X_train), torch.as_tensor(y_train)
for _ in range(20):
    for rows in torch.randperm(len(inputs)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs[rows]), labels[rows]).backward()
        optimizer.step()
network.eval()

# %%
# What it will cost is known before anything is compiled.
print(preflight(network, X_train, n_bits=4, rounding_bits=4))
module = compile_torch_model(network, X_train, n_bits=4, rounding_bits=4)
accuracy = np.mean(module.forward(X_test).argmax(axis=1) == y_test)
print(f"accuracy of the integers: {accuracy:.3f}")

# %%
# Two images are encrypted, with keys made before.
shown = 2
module.fhe_circuit.generate_keys()
started = perf_counter()
scores = module.forward(X_test[:shown], execute_in_fhe=True)
seconds = (perf_counter() - started) / shown

figure, axes = plt.subplots(shown, 2, figsize=(6, 4.5), layout="constrained")
for (left, right), image, row, label in zip(axes, X_test, scores, y_test, strict=False):
    left.imshow(image[0], cmap="gray_r")
    left.set(xticks=[], yticks=[], title=f"a {label}: only the client sees it")
    right.bar(range(10), row, color=["C1" if k == row.argmax() else "C0" for k in range(10)])
    right.set(xticks=range(10), ylabel="score")
axes[0, 1].set_title(f"scores, {seconds:.1f} s an image")
axes[-1, 1].set_xlabel("digit")
plt.show()
