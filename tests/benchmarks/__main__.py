"""Every benchmark that needs nothing but the product: python -m tests.benchmarks [NAME …]"""

import subprocess
import sys

NAMES = ("training", "storage", "sampling", "overhead", "halving", "limit")


def main(names: list[str]) -> int:
    for name in names or NAMES:
        print(f"── {name} {'─' * (76 - len(name))}", flush=True)
        code = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False)
        if code.returncode:
            return code.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
