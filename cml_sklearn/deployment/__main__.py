"""``python -m cml_sklearn.deployment``: as the command ``cml-sklearn``."""

from cml_sklearn.deployment.entry_point import main

if __name__ == "__main__":
    main()
