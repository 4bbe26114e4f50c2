"""Where the tests that look at pages find a browser."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("HELPER_UTILS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
ADVICE = f"no browser: install one of {', '.join(NAMES)}, or name a program in HELPER_UTILS_CHROMIUM"
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason=ADVICE)
