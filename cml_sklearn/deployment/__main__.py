"""``python -m cml_sklearn.deployment``: as the command ``cml-sklearn``."""

from cml_sklearn.deployment.command_line import app

if __name__ == "__main__":
    app(prog_name="cml-sklearn")
