"""The oracle's Python: a virtual environment in the cache with the packages of tools/oracle-requirements.txt.

Nothing but the standard library here. The stamp is written last, so an interrupted installation is continued.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parents[1]
REQUIREMENTS = TOOLS / "oracle-requirements.txt"


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("LLAVA_CACHE") or pathlib.Path(base) / "libllava")


def ensure_python():
    """The path of the oracle's interpreter; makes the environment when it is missing or its pins have changed."""
    folder = cache_folder() / "oracle-venv"
    python, stamp = folder / "bin" / "python", folder / "pins.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text().strip() == wanted:
        return python
    print(f"oracle: installing the pinned packages into {folder} (torch alone is 0.5 GB, with what it asks for 5 GB on disk)",
          file=sys.stderr)
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
        if made.returncode:
            raise SystemExit("oracle: python3 -m venv failed; tools/setup --for oracle installs what it needs")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
    if subprocess.run(install, check=False).returncode:
        raise SystemExit("oracle: pip could not install the packages; run the same command again to continue")
    stamp.write_text(wanted + "\n")
    return python
