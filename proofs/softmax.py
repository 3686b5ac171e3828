r"""Softmax, for every number of classes.

Softmax turns $K$ scores into $K$ probabilities. Here is what it sums to, how it moves when a score
moves, and which change of the scores it does not notice. The derivatives are built up from the
rules of a first course in calculus; nothing is looked up.
"""

from gradverify.theorems import Array, D, Derivation, Function, Size, Sum, delta, each, exp, step

K = Size("K", "the number of classes")
k, j, c = K.indices("k j c")
s = Array("s", (K,), "the scores, any real numbers")
a = Array("a", (), "any real number")
Z = Function("Z", (s,), (), Sum(c, exp(s[c])), "the sum of the exponentials of the scores")
p = Function("p", (s,), (k,), exp(s[k]) / Z, "softmax: the probability of class $k$")

sums_to_one = Derivation(
    name="softmax_sums_to_one",
    title="The probabilities sum to 1",
    left=Sum(k, p[k]),
    right=1,
    steps=(
        step(Sum(k, exp(s[k]) / Z), "definition of p"),
        step(Sum(k, exp(s[k])) / Z, "linearity of the sum", note="$Z$ is the same number for every $k$"),
        step(Z / Z, "definition of Z", note="what is summed above the line is what $Z$ stands for"),
        step(1, "cancel"),
    ),
)

slope_of_exponentials = Derivation(
    name="slope_of_exponentials",
    title="The sum of the exponentials moves with each score by that score's exponential",
    left=D(Z, s[j]),
    right=exp(s[j]),
    steps=(
        step(D(Sum(c, exp(s[c])), s[j]), "definition of Z"),
        step(Sum(c, D(exp(s[c]), s[j])), "derivative of a sum"),
        step(Sum(c, exp(s[c]) * D(s[c], s[j])), "derivative of exp", note="with $u = s_c$"),
        step(Sum(c, exp(s[c]) * delta(c, j)), "derivative of a coordinate"),
        step(exp(s[j]), "delta contracts", note="all summands are 0 but the one with $c = j$"),
    ),
)

jacobian = Derivation(
    name="softmax_jacobian",
    title="The Jacobian of softmax is diag(p) - p p'",
    left=D(p[k], s[j]),
    right=p[k] * (delta(k, j) - p[j]),
    steps=(
        step(D(exp(s[k]) / Z, s[j]), "definition of p"),
        step(
            (D(exp(s[k]), s[j]) * Z - exp(s[k]) * D(Z, s[j])) / Z**2,
            "quotient rule",
            note="with $u = e^{s_k}$ and $v = Z$, which is never 0",
        ),
        step((exp(s[k]) * D(s[k], s[j]) * Z - exp(s[k]) * D(Z, s[j])) / Z**2, "derivative of exp"),
        step((exp(s[k]) * delta(k, j) * Z - exp(s[k]) * D(Z, s[j])) / Z**2, "derivative of a coordinate"),
        step((exp(s[k]) * delta(k, j) * Z - exp(s[k]) * exp(s[j])) / Z**2, "theorem slope_of_exponentials"),
        step(
            exp(s[k]) * delta(k, j) / Z - exp(s[k]) * exp(s[j]) / Z**2,
            "algebra of fractions",
            note="two fractions; in the first, one $Z$ cancels",
        ),
        step(exp(s[k]) / Z * (delta(k, j) - exp(s[j]) / Z), "algebra", note="both contain $e^{s_k} / Z$"),
        step(p[k] * (delta(k, j) - p[j]), "definition of p"),
    ),
    remark=r"Written as a matrix with row $k$ and column $j$, the entry $p_k \delta_{kj} - p_k p_j$ is that of "
    r"$\mathrm{diag}(p) - p p'$. It is symmetric, so its pullback and its pushforward are the same.",
)

columns = Derivation(
    name="softmax_jacobian_columns",
    title="Every column of the Jacobian sums to 0",
    left=Sum(k, D(p[k], s[j])),
    right=0,
    steps=(
        step(D(Sum(k, p[k]), s[j]), "derivative of a sum", note="read from right to left"),
        step(0, "theorem softmax_sums_to_one", "derivative of a constant", note="the sum is 1 whatever the scores are"),
    ),
    remark="The probabilities always sum to 1, so what one gains the others lose.",
)

rows = Derivation(
    name="softmax_jacobian_rows",
    title="Every row of the Jacobian sums to 0",
    left=Sum(j, D(p[k], s[j])),
    right=0,
    steps=(
        step(Sum(j, p[k] * (delta(k, j) - p[j])), "theorem softmax_jacobian"),
        step(Sum(j, p[k] * delta(k, j) - p[k] * p[j]), "algebra"),
        step(Sum(j, p[k] * delta(k, j)) - p[k] * Sum(j, p[j]), "linearity of the sum", note="$p_k$ does not carry $j$"),
        step(p[k] - p[k] * Sum(j, p[j]), "delta contracts", note="only the summand with $j = k$ is left"),
        step(p[k] - p[k], "theorem softmax_sums_to_one"),
        step(0, "algebra"),
    ),
    remark="To move every score by the same small amount changes nothing: the next theorem, at first order.",
)

shift = Derivation(
    name="softmax_ignores_a_shift",
    title="To add one number to every score changes no probability",
    left=p(each(c, s[c] + a))[k],
    right=p[k],
    steps=(
        step(exp(s[k] + a) / Z(each(c, s[c] + a)), "definition of p"),
        step(exp(s[k] + a) / Sum(c, exp(s[c] + a)), "definition of Z"),
        step(exp(s[k]) * exp(a) / Sum(c, exp(s[c]) * exp(a)), "exp of a sum"),
        step(
            exp(s[k]) * exp(a) / (exp(a) * Sum(c, exp(s[c]))), "linearity of the sum", note="$e^a$ does not carry $c$"
        ),
        step(exp(s[k]) / Sum(c, exp(s[c])), "algebra of fractions", note="cancel $e^a$"),
        step(exp(s[k]) / Z, "definition of Z"),
        step(p[k], "definition of p"),
    ),
    remark="This is why code may subtract the largest score first: no exponential then exceeds 1.",
)

THEOREMS = (sums_to_one, slope_of_exponentials, jacobian, columns, rows, shift)
