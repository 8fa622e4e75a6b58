// jit/deep_stack.h — runs something on a stack of its own that is large enough.
//
// Clang and LLVM recurse as deep as an expression is long: a sum of 50,000 terms needs more than
// the 8 MiB of a main thread, and a Python thread may have far less. Running out of stack ends the
// process, so compiling gets 256 MiB, of which only what is touched becomes memory.
#pragma once

#include <memory>

#include <pthread.h>

namespace engineroom::jit {

// `run` returns nothing and throws nothing. Takes about 50 µs.
template <typename F>
void on_deep_stack(F run) {
  constexpr std::size_t kStackBytes = std::size_t{256} << 20;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread = {};
  const auto start = +[](void* f) -> void* {
    (*static_cast<F*>(f))();
    return nullptr;
  };
  const bool started = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
                       pthread_create(&thread, &attributes, start, std::addressof(run)) == 0;
  pthread_attr_destroy(&attributes);
  // Where memory is limited to less, the caller's stack has to do.
  if (started) {
    pthread_join(thread, nullptr);
  } else {
    run();
  }
}

}  // namespace engineroom::jit
