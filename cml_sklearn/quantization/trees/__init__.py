"""Trees under encryption without comparisons.

training data -> FeatureGrid -> codes -> (the wrapped model is trained on codes)
ONNX graph    -> forest_from_onnx -> Forest -> plan_forest -> LookupPlan
LookupPlan    -> QuantizedModule: GridQuantizer -> IntegerProgram -> WordDecoder
"""

from cml_sklearn.quantization.trees.cost import lookup_cost, plan_cost
from cml_sklearn.quantization.trees.gemm import forest_from_onnx
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.plan import LookupGroup, LookupPlan
from cml_sklearn.quantization.trees.planner import choose_sum_bits, plan_forest
from cml_sklearn.quantization.trees.program import plan_to_module, plan_to_program
from cml_sklearn.quantization.trees.quantizer import GridQuantizer
from cml_sklearn.quantization.trees.structure import Forest, Tree, label_forest

__all__ = [
    "FeatureGrid",
    "Forest",
    "GridQuantizer",
    "LookupGroup",
    "LookupPlan",
    "Tree",
    "choose_sum_bits",
    "forest_from_onnx",
    "label_forest",
    "lookup_cost",
    "plan_cost",
    "plan_forest",
    "plan_to_module",
    "plan_to_program",
]
