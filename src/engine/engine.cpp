#include "engine/engine.h"

#include <csignal>
#include <utility>

#include <pthread.h>

namespace engineroom::engine {
namespace {

// Signals are for Python: our thread would only delay them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Engine::Engine(EngineOptions options)
    : options_(std::move(options)), loop_(options_, bench_, pthread_self()) {}

Engine::~Engine() { close(); }

Status Engine::start() {
  if (Status status = loop_.connect(); !status.ok()) return status;
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { loop_.run(); });
  return {};
}

void Engine::close() {
  if (!thread_.joinable()) return;
  loop_.request_stop();
  thread_.join();
}

}  // namespace engineroom::engine
