"""The benchmarks of this library, and the figures of its pages."""

from __future__ import annotations

from benchmarks import (
    bulk,
    compare,
    engine_growth,
    figures,
    growth,
    lookups,
    operators,
    seal_check,
    seal_costs,
)
from benchmarks.commands import make_app
from benchmarks.subject import OurSubject

app = make_app(OurSubject, "Costs and scores of encrypted predictions.")
app.command("growth")(growth.main)
app.command("engine-growth")(engine_growth.main)
app.command("bulk")(bulk.main)
app.command("seal-costs")(seal_costs.main)
app.command("seal-check")(seal_check.main)
app.command("operators")(operators.main)
app.command("compare")(compare.main)
app.command("lookups")(lookups.main)
app.command("figures")(figures.main)

if __name__ == "__main__":
    app()
