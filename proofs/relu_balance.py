r"""A hidden ReLU unit is in balance, for all widths and any loss.

Take one hidden layer of a network, however deep: what comes in are numbers $x$, one row for each sample of the batch;
what follows, the rest of the network and the loss included, is any differentiable function $F$ of the
next layer's pre-activations $y$. Nothing else is assumed of $F$.
"""

from gradverify.theorems import Array, D, Derivation, Function, Hypothesis, Size, Sum, delta, relu, slope, step
from gradverify.theorems.derivation import Step
from gradverify.theorems.term import Entry, Term

N = Size("N", "the number of samples")
I = Size("I", "the number of units that come in")
H = Size("H", "the number of hidden units")
O = Size("O", "the number of units that follow")
n, m = N.indices("n m")
i, a = I.indices("i a")
h, g = H.indices("h g")
o, r = O.indices("o r")
x = Array("x", (N, I), "what comes in")
W = Array("W", (I, H), "the weights that come in")
b = Array("b", (H,), "the biases")
V = Array("V", (H, O), "the weights that go out")
c = Array("c", (O,), "the biases of the next layer")
u = Array("u", (N, O), "the variables of $F$")
z = Function("z", (), (n, h), Sum(i, x[n, i] * W[i, h]) + b[h], "the pre-activation of hidden unit $h$ on sample $n$")
y = Function("y", (), (n, o), Sum(h, V[h, o] * relu(z[n, h])) + c[o], "the next layer's pre-activations")
F = Function("F", (u,), (), None, "the rest of the network and the loss: any differentiable function")
L = Function("L", (), (), F(y), "the loss")
G = Function("G", (), (n, o), F(y).by(n, o), "the gradient that comes back: the slope of $F$ by $y_{no}$")

pre_activation_by_weight = Derivation(
    name="pre_activation_by_weight",
    title="How a pre-activation moves with a weight",
    left=D(z[n, g], W[i, h]),
    right=x[n, i] * delta(g, h),
    steps=(
        step(D(Sum(a, x[n, a] * W[a, g]) + b[g], W[i, h]), "definition of z"),
        step(Sum(a, D(x[n, a] * W[a, g], W[i, h])) + D(b[g], W[i, h]), "derivative of a sum"),
        step(Sum(a, D(x[n, a] * W[a, g], W[i, h])), "derivative of a constant", note="the bias does not depend on $W$"),
        step(Sum(a, x[n, a] * D(W[a, g], W[i, h])), "constant factor", note="$x$ does not depend on $W$"),
        step(Sum(a, x[n, a] * (delta(a, i) * delta(g, h))), "derivative of a coordinate"),
        step(x[n, i] * delta(g, h), "delta contracts", note="only the summand with $a = i$ is left"),
    ),
)

pre_activation_by_bias = Derivation(
    name="pre_activation_by_bias",
    title="How a pre-activation moves with a bias",
    left=D(z[n, g], b[h]),
    right=delta(g, h),
    steps=(
        step(D(Sum(a, x[n, a] * W[a, g]) + b[g], b[h]), "definition of z"),
        step(Sum(a, D(x[n, a] * W[a, g], b[h])) + D(b[g], b[h]), "derivative of a sum"),
        step(Sum(a, 0) + D(b[g], b[h]), "derivative of a constant", note="neither $x$ nor $W$ depends on $b$"),
        step(delta(g, h), "derivative of a coordinate"),
    ),
)


def chain(by: Entry, move: Term) -> tuple[Step, ...]:
    """The steps that all incoming parameters share, back from the loss to pre-activations that move by ``move``."""
    inner = Sum(g, V[g, o] * relu(z[n, g])) + c[o]
    outer = Sum(g, D(V[g, o] * relu(z[n, g]), by))
    return (
        step(D(F(y), by), "definition of L"),
        step(Sum((n, o), F(y).by(n, o) * D(y[n, o], by)), "chain rule"),
        step(Sum((n, o), G[n, o] * D(y[n, o], by)), "definition of G"),
        step(Sum((n, o), G[n, o] * D(inner, by)), "definition of y"),
        step(Sum((n, o), G[n, o] * (outer + D(c[o], by))), "derivative of a sum"),
        step(Sum((n, o), G[n, o] * outer), "derivative of a constant", note="the next layer's bias stays as it is"),
        step(Sum((n, o), G[n, o] * Sum(g, V[g, o] * D(relu(z[n, g]), by))), "constant factor"),
        step(
            Sum((n, o), G[n, o] * Sum(g, V[g, o] * (slope(z[n, g]) * D(z[n, g], by)))),
            "derivative of relu",
            note="no pre-activation is exactly 0",
        ),
        step(Sum((n, o), G[n, o] * Sum(g, V[g, o] * (slope(z[n, g]) * move))), f"theorem {THEOREM_OF[by.array.name]}"),
    )


THEOREM_OF = {"W": "pre_activation_by_weight", "b": "pre_activation_by_bias"}
AT_THE_KINK = "A point where some pre-activation is exactly 0: the ReLU has no derivative there."

incoming_weights = Derivation(
    name="loss_by_incoming_weight",
    title="The gradient by an incoming weight",
    left=D(L, W[i, h]),
    right=Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h]) * x[n, i]),
    nonzero=(z[n, h],),
    steps=(
        *chain(W[i, h], x[n, i] * delta(g, h)),
        step(
            Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h]) * x[n, i]),
            "delta contracts",
            note="only the unit $g = h$ has this weight",
        ),
    ),
    left_out=(AT_THE_KINK,),
)

incoming_bias = Derivation(
    name="loss_by_incoming_bias",
    title="The gradient by a bias",
    left=D(L, b[h]),
    right=Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h])),
    nonzero=(z[n, h],),
    steps=(
        *chain(b[h], delta(g, h)),
        step(Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h])), "delta contracts"),
    ),
    left_out=(AT_THE_KINK,),
)

outgoing_weights = Derivation(
    name="loss_by_outgoing_weight",
    title="The gradient by an outgoing weight",
    left=D(L, V[h, o]),
    right=Sum(n, G[n, o] * relu(z[n, h])),
    steps=(
        step(D(F(y), V[h, o]), "definition of L"),
        step(Sum((n, r), F(y).by(n, r) * D(y[n, r], V[h, o])), "chain rule"),
        step(Sum((n, r), G[n, r] * D(y[n, r], V[h, o])), "definition of G"),
        step(Sum((n, r), G[n, r] * D(Sum(g, V[g, r] * relu(z[n, g])) + c[r], V[h, o])), "definition of y"),
        step(
            Sum((n, r), G[n, r] * (Sum(g, D(V[g, r] * relu(z[n, g]), V[h, o])) + D(c[r], V[h, o]))),
            "derivative of a sum",
        ),
        step(
            Sum((n, r), G[n, r] * Sum(g, D(V[g, r] * relu(z[n, g]), V[h, o]))),
            "derivative of a constant",
            note="the next layer's bias stays as it is",
        ),
        step(
            Sum((n, r), G[n, r] * Sum(g, relu(z[n, g]) * D(V[g, r], V[h, o]))),
            "constant factor",
            note="what the hidden units answer does not depend on $V$",
        ),
        step(Sum((n, r), G[n, r] * Sum(g, relu(z[n, g]) * (delta(g, h) * delta(r, o)))), "derivative of a coordinate"),
        step(Sum(n, G[n, o] * relu(z[n, h])), "delta contracts", note="only $g = h$ and $r = o$ are left"),
    ),
)

balance = Derivation(
    name="relu_balance",
    title="What comes in and what goes out of a hidden unit are in balance",
    left=Sum(i, W[i, h] * D(L, W[i, h])) + b[h] * D(L, b[h]),
    right=Sum(o, V[h, o] * D(L, V[h, o])),
    nonzero=(z[n, h],),
    steps=(
        step(
            Sum(i, W[i, h] * Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h]) * x[n, i])) + b[h] * D(L, b[h]),
            "theorem loss_by_incoming_weight",
        ),
        step(
            Sum(i, W[i, h] * Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h]) * x[n, i]))
            + b[h] * Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h])),
            "theorem loss_by_incoming_bias",
        ),
        step(
            Sum(
                (n, o),
                G[n, o] * V[h, o] * slope(z[n, h]) * Sum(i, x[n, i] * W[i, h])
                + G[n, o] * V[h, o] * slope(z[n, h]) * b[h],
            ),
            "linearity of the sum",
            note="the sum over $i$ moves inside, where only $x$ and $W$ carry it",
        ),
        step(
            Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h]) * (Sum(i, x[n, i] * W[i, h]) + b[h])),
            "algebra",
        ),
        step(Sum((n, o), G[n, o] * V[h, o] * slope(z[n, h]) * z[n, h]), "definition of z"),
        step(Sum((n, o), G[n, o] * V[h, o] * relu(z[n, h])), "relu by its slope"),
        step(Sum(o, V[h, o] * Sum(n, G[n, o] * relu(z[n, h]))), "linearity of the sum"),
        step(Sum(o, V[h, o] * D(L, V[h, o])), "theorem loss_by_outgoing_weight"),
    ),
    left_out=(AT_THE_KINK + " The next theorem says what holds there.",),
    remark="For a batch, a deep network and any loss: only $F$ knows what follows, and the statement does not name it.",
)

sigma = Array("sigma", (N, H), "the slope that code uses for each ReLU", latex=r"\sigma")
back = Array("B", (N, O), "the gradient that comes back, whatever it is")
any_slope = Derivation(
    name="relu_balance_any_slope",
    title="The formulas of backpropagation are in balance even at the kink, whatever slope is used there",
    left=Sum(i, W[i, h] * Sum((n, o), back[n, o] * V[h, o] * sigma[n, h] * x[n, i]))
    + b[h] * Sum((n, o), back[n, o] * V[h, o] * sigma[n, h]),
    right=Sum(o, V[h, o] * Sum(n, back[n, o] * relu(z[n, h]))),
    hypotheses=(
        Hypothesis(
            "each slope times its pre-activation is the ReLU", sigma[n, h] * z[n, h], relu(z[n, h]), fixes=sigma
        ),
    ),
    steps=(
        step(
            Sum(
                (n, o),
                back[n, o] * V[h, o] * sigma[n, h] * Sum(i, x[n, i] * W[i, h])
                + back[n, o] * V[h, o] * sigma[n, h] * b[h],
            ),
            "linearity of the sum",
        ),
        step(Sum((n, o), back[n, o] * V[h, o] * sigma[n, h] * (Sum(i, x[n, i] * W[i, h]) + b[h])), "algebra"),
        step(Sum((n, o), back[n, o] * V[h, o] * sigma[n, h] * z[n, h]), "definition of z"),
        step(
            Sum((n, o), back[n, o] * V[h, o] * relu(z[n, h])),
            "hypothesis",
            uses=("each slope times its pre-activation is the ReLU",),
            note="with slope 1 above 0, slope 0 below, and any slope at 0, where both sides are 0",
        ),
        step(Sum(o, V[h, o] * Sum(n, back[n, o] * relu(z[n, h]))), "linearity of the sum"),
    ),
    left_out=("This is about the formulas that code computes; at the kink itself they are the derivative of nothing.",),
)

THEOREMS = (
    pre_activation_by_weight,
    pre_activation_by_bias,
    incoming_weights,
    incoming_bias,
    outgoing_weights,
    balance,
    any_slope,
)
