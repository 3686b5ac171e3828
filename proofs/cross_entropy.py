r"""Cross-entropy after softmax, for every number of classes.

Scores $s$ become probabilities $p$ by softmax, and the loss compares them with labels $t$. The gradient by the
scores is built with the chain rule from two smaller facts: how the loss moves with the probabilities, and how these
move with the scores. It is often quoted as $p - t$; that needs labels that sum to 1, and the step
that needs it is pointed out.
"""

from gradverify.theorems import Array, D, Derivation, Function, Hypothesis, Size, Sum, delta, each, exp, log, step

K = Size("K", "the number of classes")
N = Size("N", "the number of samples in a batch")
k, j, c = K.indices("k j c")
n, m = N.indices("n m")
s = Array("s", (K,), "the scores, any real numbers")
t = Array("t", (K,), "the labels, any real numbers unless a hypothesis says otherwise")
q = Array("q", (K,), "probabilities as free variables: positive, otherwise any numbers")
y = Array("y", (), "the number of the right class", into=K)
Z = Function("Z", (s,), (), Sum(c, exp(s[c])), "the sum of the exponentials of the scores")
p = Function("p", (s,), (k,), exp(s[k]) / Z, "softmax: the probability of class $k$")
ell = Function(
    "ell", (q, t), (), -Sum(c, t[c] * log(q[c])), "the loss as a function of the probabilities", latex=r"\ell"
)
L = Function("L", (s, t), (), ell(p, t), "the loss as a function of the scores")

sum_to_one = Hypothesis("labels sum to 1", Sum(k, t[k]), 1, fixes=t)

forward = Derivation(
    name="forward_message",
    title="The loss in terms of the scores",
    left=L,
    right=-Sum(k, t[k] * (s[k] - log(Sum(c, exp(s[c]))))),
    steps=(
        step(ell(p, t), "definition of L"),
        step(-Sum(k, t[k] * log(p[k])), "definition of ell"),
        step(-Sum(k, t[k] * log(exp(s[k]) / Z)), "definition of p"),
        step(-Sum(k, t[k] * (log(exp(s[k])) - log(Z))), "log of a product"),
        step(-Sum(k, t[k] * (s[k] - log(Z))), "log of exp"),
        step(-Sum(k, t[k] * (s[k] - log(Sum(c, exp(s[c]))))), "definition of Z"),
    ),
    remark="No probability is computed on the way, so none can round to 0 before its logarithm is taken.",
)

by_probability = Derivation(
    name="loss_by_probability",
    title="How the loss moves with one probability",
    left=D(ell, q[k]),
    right=-t[k] / q[k],
    positive=(q,),
    steps=(
        step(D(-Sum(c, t[c] * log(q[c])), q[k]), "definition of ell"),
        step(-D(Sum(c, t[c] * log(q[c])), q[k]), "constant factor", note="the factor is -1"),
        step(-Sum(c, D(t[c] * log(q[c]), q[k])), "derivative of a sum"),
        step(-Sum(c, t[c] * D(log(q[c]), q[k])), "constant factor", note="the labels do not depend on $q$"),
        step(-Sum(c, t[c] / q[c] * D(q[c], q[k])), "derivative of log", note="with $u = q_c$, which is positive"),
        step(-Sum(c, t[c] / q[c] * delta(c, k)), "derivative of a coordinate"),
        step(-t[k] / q[k], "delta contracts", note="all summands are 0 but the one with $c = k$"),
    ),
    left_out=("Here the probabilities are free positive variables: they need not sum to 1.",),
)

any_labels = Derivation(
    name="cross_entropy_gradient_any_labels",
    title="The gradient by the scores, whatever the labels sum to",
    left=D(L, s[j]),
    right=p[j] * Sum(k, t[k]) - t[j],
    steps=(
        step(D(ell(p, t), s[j]), "definition of L"),
        step(
            Sum(k, ell(p, t).by(k) * D(p[k], s[j])),
            "chain rule",
            note="all $K$ probabilities move when the one score $s_j$ moves",
        ),
        step(
            Sum(k, -t[k] / p[k] * D(p[k], s[j])),
            "theorem loss_by_probability",
            at={q: p},
            note="every $p_k$ is positive, as the theorem asks",
        ),
        step(Sum(k, -t[k] / p[k] * (p[k] * (delta(k, j) - p[j]))), "theorem softmax_jacobian"),
        step(Sum(k, -t[k] * (delta(k, j) - p[j])), "cancel", note="$p_k$ is not 0"),
        step(Sum(k, t[k] * p[j] - t[k] * delta(k, j)), "algebra"),
        step(p[j] * Sum(k, t[k]) - Sum(k, t[k] * delta(k, j)), "linearity of the sum", note="$p_j$ does not carry $k$"),
        step(p[j] * Sum(k, t[k]) - t[j], "delta contracts"),
    ),
)

gradient = Derivation(
    name="cross_entropy_gradient",
    title="The gradient by the scores is p - t, because the labels sum to 1",
    left=D(L, s[j]),
    right=p[j] - t[j],
    hypotheses=(sum_to_one,),
    steps=(
        step(p[j] * Sum(k, t[k]) - t[j], "theorem cross_entropy_gradient_any_labels"),
        step(
            p[j] - t[j],
            "hypothesis",
            uses=("labels sum to 1",),
            note="here, and only here, the labels have to sum to 1",
        ),
    ),
    left_out=("For labels that do not sum to 1 this is false; the theorem before this one holds for them.",),
)

log_sum_exp = Derivation(
    name="log_sum_exp_gradient",
    title="The gradient of log-sum-exp is softmax",
    left=D(log(Z), s[j]),
    right=p[j],
    steps=(
        step(D(Z, s[j]) / Z, "derivative of log", note="$Z$ is positive"),
        step(exp(s[j]) / Z, "theorem slope_of_exponentials"),
        step(p[j], "definition of p"),
    ),
)

log_sum_exp_hessian = Derivation(
    name="log_sum_exp_hessian",
    title="The Hessian of log-sum-exp is the Jacobian of softmax",
    left=D(D(log(Z), s[k]), s[j]),
    right=p[k] * (delta(k, j) - p[j]),
    steps=(
        step(D(p[k], s[j]), "theorem log_sum_exp_gradient"),
        step(p[k] * (delta(k, j) - p[j]), "theorem softmax_jacobian"),
    ),
    remark="Where the labels sum to 1 it is the Hessian of the loss too, since $p - t$ and $p$ move alike.",
)

second_way = Derivation(
    name="cross_entropy_gradient_by_the_forward_message",
    title="The same gradient by another way, which never speaks of the probabilities' Jacobian",
    left=D(L, s[j]),
    right=p[j] - t[j],
    hypotheses=(sum_to_one,),
    steps=(
        step(D(-Sum(k, t[k] * (s[k] - log(Sum(c, exp(s[c]))))), s[j]), "theorem forward_message"),
        step(D(-Sum(k, t[k] * (s[k] - log(Z))), s[j]), "definition of Z"),
        step(-D(Sum(k, t[k] * (s[k] - log(Z))), s[j]), "constant factor", note="the factor is -1"),
        step(-Sum(k, D(t[k] * (s[k] - log(Z)), s[j])), "derivative of a sum"),
        step(-Sum(k, t[k] * D(s[k] - log(Z), s[j])), "constant factor"),
        step(-Sum(k, t[k] * (D(s[k], s[j]) + D(-log(Z), s[j]))), "derivative of a sum"),
        step(-Sum(k, t[k] * (D(s[k], s[j]) - D(log(Z), s[j]))), "constant factor", note="the factor is -1"),
        step(-Sum(k, t[k] * (delta(k, j) - D(log(Z), s[j]))), "derivative of a coordinate"),
        step(-Sum(k, t[k] * (delta(k, j) - p[j])), "theorem log_sum_exp_gradient"),
        step(-Sum(k, t[k] * delta(k, j) - t[k] * p[j]), "algebra"),
        step(-(Sum(k, t[k] * delta(k, j)) - p[j] * Sum(k, t[k])), "linearity of the sum"),
        step(-(t[j] - p[j] * Sum(k, t[k])), "delta contracts"),
        step(-(t[j] - p[j]), "hypothesis", uses=("labels sum to 1",)),
        step(p[j] - t[j], "algebra"),
    ),
)

S = Array("S", (N, K), "the scores of a batch, one row for each sample")
T = Array("T", (N, K), "the labels of a batch")
row, labels = each(k, S[n, k]), each(k, T[n, k])
B = Function("B", (S, T), (), Sum(n, L(row, labels)) / N.number, "the loss of a batch: the mean over its samples")
rows_sum_to_one = Hypothesis("the labels of every sample sum to 1", Sum(k, T[n, k]), 1, fixes=T)


def of_row(a, index):
    """Row ``index`` of a matrix, as an array over the classes."""
    return each(k, a[index, k])


batch = Derivation(
    name="cross_entropy_gradient_batch",
    title="The gradient of the mean over a batch",
    left=D(B, S[m, j]),
    right=(p(of_row(S, m))[j] - T[m, j]) / N.number,
    hypotheses=(rows_sum_to_one,),
    steps=(
        step(D(Sum(n, L(row, labels)) / N.number, S[m, j]), "definition of B"),
        step(D(Sum(n, L(row, labels)), S[m, j]) / N.number, "constant factor", note="the factor is $1 / N$"),
        step(Sum(n, D(L(row, labels), S[m, j])) / N.number, "derivative of a sum"),
        step(
            Sum(n, Sum(c, L(row, labels).by(c) * D(S[n, c], S[m, j]))) / N.number,
            "chain rule",
            note="the loss of sample $n$ has the $K$ scores of that sample for variables",
        ),
        step(
            Sum(n, Sum(c, L(row, labels).by(c) * (delta(n, m) * delta(c, j)))) / N.number, "derivative of a coordinate"
        ),
        step(
            L(of_row(S, m), of_row(T, m)).by(j) / N.number,
            "delta contracts",
            note="only sample $n = m$ and class $c = j$ are left",
        ),
        step(
            (p(of_row(S, m))[j] * Sum(k, T[m, k]) - T[m, j]) / N.number,
            "theorem cross_entropy_gradient_any_labels",
            at={s: of_row(S, m), t: of_row(T, m)},
        ),
        step(
            (p(of_row(S, m))[j] - T[m, j]) / N.number,
            "hypothesis",
            uses=("the labels of every sample sum to 1",),
        ),
    ),
    remark="The factor is $1 / N$, not 1: a mean is not a sum.",
)

one_hot = Derivation(
    name="one_hot_sums_to_one",
    title="A one-hot label sums to 1",
    left=Sum(k, delta(k, y.at())),
    right=1,
    steps=(step(1, "delta contracts", note="the only summand that is not 0 is that of the right class"),),
)

index_labels = Derivation(
    name="cross_entropy_gradient_class_numbers",
    title="The gradient where the label is the number of a class",
    left=D(-log(p[y.at()]), s[j]),
    right=p[j] - delta(j, y.at()),
    steps=(
        step(-D(log(p[y.at()]), s[j]), "constant factor", note="the factor is -1"),
        step(-(D(p[y.at()], s[j]) / p[y.at()]), "derivative of log", note="$p_y$ is positive"),
        step(-(p[y.at()] * (delta(y.at(), j) - p[j]) / p[y.at()]), "theorem softmax_jacobian"),
        step(-(delta(y.at(), j) - p[j]), "cancel", note="$p_y$ is not 0"),
        step(p[j] - delta(j, y.at()), "algebra"),
    ),
)

THEOREMS = (
    forward,
    by_probability,
    any_labels,
    gradient,
    log_sum_exp,
    log_sum_exp_hessian,
    second_way,
    batch,
    one_hot,
    index_labels,
)
