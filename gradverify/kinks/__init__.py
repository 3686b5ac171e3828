"""At a kink a claim is right if, along every direction tried, it lies between the slopes of smooth neighbours.

The neighbours' own claims are first held against the oracle; then the extremes of their slopes are
searched (by flipping which side of each kink a neighbour lies on), of many kinks sampled. This is the
directional form of Clarke's generalised gradient (Optimization and Nonsmooth Analysis, 1983, 2.1).
"""

from gradverify.kinks.boundary import boundaries, chain_rule_values
from gradverify.kinks.forward import look_forward
from gradverify.kinks.look import look
from gradverify.kinks.place import Place

__all__ = ["Place", "boundaries", "chain_rule_values", "look", "look_forward"]
