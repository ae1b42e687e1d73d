"""Settings that must hold before anything is imported."""

import os

from hypothesis import settings

# no test asserts times: a busy machine is no fault
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# lets scikit-learn's checks run with torch arrays, too
os.environ["SCIPY_ARRAY_API"] = "1"
