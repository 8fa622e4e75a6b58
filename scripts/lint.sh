#!/bin/bash
# All checks that need no compiler. Each runs even when an earlier one fails; `make format` repairs the first three.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"

failed=()
check() {
  local name=$1
  shift
  "$@" || failed+=("$name")
}

clang_format() {
  scripts/cpp_files.sh | xargs -0 -r clang-format --dry-run --Werror --ferror-limit=1
}

check clang-format clang_format
check 'ruff format' ruff format --quiet --check .
check ruff ruff check --quiet .
check spelling codespell
check layers python scripts/check_layers.py

if [[ ${#failed[@]} -gt 0 ]]; then
  printf -v list '%s, ' "${failed[@]}"
  echo "lint: failed: ${list%, }" >&2
  exit 1
fi
echo "lint: ok"
