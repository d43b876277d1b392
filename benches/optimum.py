"""How many tasks of case a can be placed at most, by HiGHS (SciPy).

    cargo bench --bench offer_match -- dump | python3 benches/optimum.py

A linear program: parts of tasks may be placed, two-per-rack is left out, and priorities do not matter.
So the figure is at or above the true optimum, which takes a solver hours.
"""

import ast
import sys
from collections import defaultdict

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

agents, classes = defaultdict(list), defaultdict(list)
for line in sys.stdin:
    kind, _, rest = line.partition(" ")
    if kind not in ("agent", "class"):
        continue
    head, _, tail = rest.partition("[")
    numbers, _, tail = tail.partition("]")
    amounts = ast.literal_eval(f"[{numbers}]")
    density = int(head.split()[0])
    if kind == "agent":
        agents[density].append(amounts)
    else:
        count, host = map(int, head.split()[1:3])
        allowed = [int(one) for one in tail.strip().split(",") if one]
        classes[density].append((count, host, amounts, allowed))

for density in sorted(classes):
    # Classes that differ in nothing but their jobs are one.
    merged = defaultdict(int)
    for count, host, amounts, allowed in classes[density]:
        key = (len(merged) if host else -1, host, tuple(amounts), tuple(allowed))
        merged[key] += count
    rows, columns, values, most, limit = [], [], [], [], []
    used = len(agents[density]) * 5
    variable = 0
    for number, ((_, host, amounts, allowed), count) in enumerate(merged.items()):
        limit.append(count)
        for agent in allowed:
            for at, amount in enumerate(amounts):
                if amount:
                    rows.append(agent * 5 + at)
                    columns.append(variable)
                    values.append(amount)
            rows.append(used + number)
            columns.append(variable)
            values.append(1)
            most.append(1 if host else count)
            variable += 1
    bound = [amount for agent in agents[density] for amount in agent] + limit
    matrix = csr_matrix((values, (rows, columns)), shape=(len(bound), variable))
    found = linprog(
        -np.ones(variable),
        A_ub=matrix,
        b_ub=bound,
        bounds=list(zip([0] * variable, most)),
        method="highs-ipm",
    )
    print(density, int(np.floor(-found.fun + 1e-6)), found.message)
