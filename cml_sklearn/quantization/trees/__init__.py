"""Trees under encryption without comparisons.

training data -> FeatureGrid -> codes -> (the wrapped model is trained on codes)
ONNX graph    -> forest_from_onnx -> Forest -> plan_forest -> LookupPlan
user's data   -> FeatureGrid.codes -> bits -> words (server) -> LookupPlan.dequantize (client)
"""

from cml_sklearn.quantization.trees.circuit import TreeProgram
from cml_sklearn.quantization.trees.cost import lookup_cost, plan_cost
from cml_sklearn.quantization.trees.gemm import forest_from_onnx
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.plan import LookupGroup, LookupPlan
from cml_sklearn.quantization.trees.planner import choose_sum_bits, plan_forest
from cml_sklearn.quantization.trees.structure import Forest, Tree, label_forest

__all__ = [
    "FeatureGrid",
    "Forest",
    "LookupGroup",
    "LookupPlan",
    "Tree",
    "TreeProgram",
    "choose_sum_bits",
    "forest_from_onnx",
    "label_forest",
    "lookup_cost",
    "plan_cost",
    "plan_forest",
]
