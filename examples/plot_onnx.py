"""
A model of another framework, by ONNX
=====================================

Whatever writes ONNX can be evaluated on encrypted data. Here the graph is built by hand, as
converters of other frameworks do it: a network of one hidden layer whose weights were fitted with
NumPy alone.
"""

import numpy as np
import onnx
from matplotlib import pyplot as plt
from onnx import TensorProto, helper, numpy_helper

from cml_sklearn import compile_onnx_model

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (500, 1)).astype(np.float32)
y = np.sin(3 * X) + 0.05 * rng.normal(size=X.shape)

# %%
# Random features, and a last layer by least squares.
inner = rng.normal(0, 4, (1, 12)).astype(np.float32)
shift = rng.uniform(-3, 3, 12).astype(np.float32)
hidden = np.tanh(X @ inner + shift)
design = np.c_[hidden, np.ones(len(X))]
ridge = np.linalg.solve(design.T @ design + 0.1 * np.eye(13), design.T @ y).astype(np.float32)

# %%
# The same as a graph of three nodes.
constants = {"inner": inner, "shift": shift, "outer": ridge[:-1], "bias": ridge[-1]}
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["x", "inner", "shift"], ["sums"]),
        helper.make_node("Tanh", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "outer", "bias"], ["y"]),
    ],
    "network",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n_samples", 1])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n_samples", 1])],
    [numpy_helper.from_array(value, name) for name, value in constants.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
onnx.checker.check_model(model)

# %%
# ``X`` shows the range of the inputs. Three points are encrypted.
module = compile_onnx_model(model, X, n_bits=6, rounding_bits=5)
line = np.linspace(-1, 1, 200, dtype=np.float32)[:, None]
points = np.array([[-0.5], [0.1], [0.8]], dtype=np.float32)
encrypted = module.forward(points, execute_in_fhe=True)
print(module.fhe_circuit.report.pbs_count, "lookups a sample")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(X, y, ".", color="0.75", label="training data")
ax.plot(line, np.tanh(line @ inner + shift) @ ridge[:-1] + ridge[-1], label="floats")
ax.plot(line, module.forward(line), label="quantized, in the clear")
ax.plot(points, encrypted, "k*", markersize=12, label="encrypted")
ax.set(xlabel="x", ylabel="y", title="Three nodes of ONNX on encrypted points")
ax.legend()
plt.show()
