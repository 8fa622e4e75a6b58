#!/bin/bash
# Print the C++ files whose format is checked, each ended by a zero byte.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for folder in src include python/bindings fuzz bench examples tests; do
  [[ ! -d $folder ]] || find $folder -name build -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0
done
