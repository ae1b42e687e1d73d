"""A service against its own OpenAPI page: ``python -m tests.openapi schemathesis`` (``make test-openapi``).

What a ciphertext or a hash must be stands in no schema, so that valid data may be refused.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn.datasets import load_iris

from cml_sklearn.deployment import save_model
from cml_sklearn.linear_model import LogisticRegression
from tests.deployment.live import Live

CONFIG = """
[parameters]
"path.name" = ["it", "other"]
"""


def main(schemathesis: Path) -> int:
    """Give the status of the tool."""
    with TemporaryDirectory() as place:
        folder, config = Path(place), Path(place) / "schemathesis.toml"
        config.write_text(CONFIG)
        X, y = load_iris(return_X_y=True)
        save_model(LogisticRegression(n_bits=4, max_iter=1000).fit(X, y), folder)
        service = Live(folder, folder / "server.zip", name="it")
        page, header = f"{service.url}/openapi.json", f"Authorization: Bearer {service.token}"
        command = [
            str(schemathesis.resolve()),
            "--config-file",
            str(config),
            "run",
            page,
            "-H",
            header,
        ]
        try:
            run = subprocess.run(
                [*command, "--exclude-checks", "positive_data_acceptance"], check=False, cwd=folder
            )
        finally:
            service.stop()
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
