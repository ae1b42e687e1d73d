"""Provisional: the lead's stand-in until the real one lands."""
import numpy as np


def numpy_gemm(a, b, /, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):
    a = a.T if transA else a
    b = b.T if transB else b
    y = alpha * (a @ b)
    return (y if c is None else y + beta * c,)


def numpy_cast(input, /, *, to=1, saturate=1):
    return (input.astype(np.float32),)


def numpy_matmul(a, b, /):
    return (a @ b,)


def numpy_identity(a, /):
    return (a,)


ONNX_OPS_TO_NUMPY_IMPL = {"Gemm": numpy_gemm, "Cast": numpy_cast, "MatMul": numpy_matmul, "Identity": numpy_identity}
