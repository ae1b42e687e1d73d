"""Settings that must hold before anything is imported."""

import os

# lets scikit-learn's checks run with torch arrays, too
os.environ["SCIPY_ARRAY_API"] = "1"
