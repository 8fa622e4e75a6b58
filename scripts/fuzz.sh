#!/bin/bash
# Run every target of fuzz/, or those named as arguments, for FUZZ_SECONDS each. Seeds are in fuzz/corpus/<target>;
# what libFuzzer finds on the way is kept in build/fuzz/corpus, a crashing input in build/fuzz/crashes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-30}
build=build/fuzz

bash scripts/apt_install.sh clang-19 libclang-rt-19-dev
cmake --preset fuzz
cmake --build --preset fuzz -j "$(nproc)"

targets=("$@")
if [[ $# -eq 0 ]]; then
  for file in fuzz/*.cpp; do
    [[ ! -f $file ]] || targets+=("$(basename "$file" .cpp)")
  done
fi

# Names in stack traces, from the binutils that g++ brings.
export ASAN_OPTIONS=allow_addr2line=1
mkdir -p $build/crashes
for target in "${targets[@]}"; do
  echo "---- $target, $seconds s"
  corpus=($build/corpus/"$target")
  mkdir -p "${corpus[0]}"
  [[ ! -d fuzz/corpus/$target ]] || corpus+=("fuzz/corpus/$target")
  $build/fuzz/"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/crashes/$target-" "${corpus[@]}" 2>&1 | tail -n 12
done
