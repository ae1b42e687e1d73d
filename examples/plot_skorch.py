"""
A net of torch, trained by skorch
=================================

``NeuralNetClassifier`` takes any torch module and skorch's own parameters: callbacks, optimizers,
criteria. It learns to bear the rounding that makes encrypted lookups cheap.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import make_moons
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

from cml_sklearn.neural_network import NeuralNetClassifier


class Perceptron(torch.nn.Sequential):
    """Two inputs, one hidden layer, two classes."""

    def __init__(self, width: int = 8) -> None:
        layers = [torch.nn.Linear(2, width), torch.nn.ReLU(), torch.nn.Linear(width, 2)]
        super().__init__(*layers)


X, y = make_moons(600, noise=0.15, random_state=0)
X = X.astype(np.float32)
torch.manual_seed(0)
net = NeuralNetClassifier(
    Perceptron,
    module__width=10,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.05,
    max_epochs=50,
    train_split=ValidSplit(5, stratified=True),
    callbacks=[EarlyStopping(patience=20)],
    verbose=0,
).fit(X, y)

# %%
# A hidden unit is a lookup. One row is encrypted here, which takes a second with the keys made.
print("accuracy of the integers:", net.score(X, y))
print("encrypted:", net.predict(X[:1], execute_in_fhe=True), "clear:", net.predict(X[:1]))
print("lookups a row:", net.fhe_report_.pbs_count)

# %%
# The history is skorch's; the regions are those of the integers.
history = net.skorch_net_.history
horizontal, vertical = np.meshgrid(np.linspace(-1.6, 2.6, 120), np.linspace(-1.1, 1.6, 90))
points = np.c_[horizontal.ravel(), vertical.ravel()].astype(np.float32)
chances = net.predict_proba(points)[:, 1].reshape(horizontal.shape)
figure, (upper, lower) = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
upper.plot(history[:, "train_loss"], label="training")
upper.plot(history[:, "valid_loss"], label="validation")
upper.set(xlabel="epoch", ylabel="cross-entropy", title="Training")
upper.legend()
drawn = lower.contourf(horizontal, vertical, chances, 10, cmap="RdBu", alpha=0.7)
lower.scatter(*X.T, c=y, cmap="RdBu", s=8, edgecolor="k", linewidth=0.3)
lower.set(xlabel="first feature", ylabel="second feature", title="Quantized net")
figure.colorbar(drawn, ax=lower, label="probability of class 1")
plt.show()
