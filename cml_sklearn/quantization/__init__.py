"""From floats to integers: quantizers, quantized operators, and programs made of them."""
