"""Fitted models and torch modules to ONNX."""
