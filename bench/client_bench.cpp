// bench/client_bench.cpp — what a task costs its client, against a fake controller in the same
// process that answers at once (its share of the processor is in the figures of whole round trips).
//
//   build/release/bench/client_bench

#include <benchmark/benchmark.h>

#include "client/fake_controller.h"
#include "client/session.h"
#include "client/waiter.h"

namespace engineroom::client {
namespace {

std::unique_ptr<Session> connect(const FakeController& fake) {
  Result<std::unique_ptr<Session>> session = Session::connect(fake.info());
  if (!session.ok()) std::abort();
  return session.take();
}

Request small_request() {
  return {
      .route = Route::kBalanced,
      .msg_type = "apply_request",
      .metadata = R"({"engineroom":1,"after":[],"follow":[],"timeout":0,"targets":[],"retries":0})",
      .buffers = {Bytes(std::string(300, 'f')), Bytes(std::string(40, 'i')),
                  Bytes(std::string(20, 'a'))}};
}

void wait_for(const std::vector<TaskPtr>& tasks) {
  wait_for_tasks(tasks, std::nullopt, WaitMode::kAll, Task::Until::kReplied, {});
}

void Encode(benchmark::State& state) {
  RequestEncoder encoder(new_session_id(), "user", "a secret");
  const Request request = small_request();
  const RequestParts parts = {.msg_type = request.msg_type,
                              .identity = {},
                              .metadata = Bytes(request.metadata),
                              .content = Bytes(request.content)};
  for (auto _ : state) {
    const Timestamp now = Timestamp::now();
    benchmark::DoNotOptimize(RequestEncoder::Lease(encoder).encode(encoder.next_msg_id(), parts,
                                                                   now.iso, request.buffers));
  }
}
BENCHMARK(Encode);

// The time that submit() takes its caller. The replies are awaited outside of the measurement.
void Submit(benchmark::State& state) {
  FakeController fake;
  const auto session = connect(fake);
  std::vector<TaskPtr> tasks;
  for (auto _ : state) {
    tasks.push_back(session->submit(small_request()));
    if (tasks.size() < 1000) continue;
    state.PauseTiming();
    wait_for(tasks);
    tasks.clear();
    state.ResumeTiming();
  }
}
BENCHMARK(Submit)->UseRealTime();

void SubmitMany(benchmark::State& state) {
  FakeController fake;
  const auto session = connect(fake);
  RequestBatch batch;
  batch.targets = {""};
  batch.msg_type = "apply_request";
  batch.metadata = small_request().metadata;
  batch.shared_buffers = {small_request().buffers[0], small_request().buffers[1]};
  batch.own_buffers.assign(static_cast<std::size_t>(state.range(0)), {small_request().buffers[2]});
  for (auto _ : state) {
    const Result<std::vector<TaskPtr>> tasks = session->submit_many(batch);
    state.PauseTiming();
    wait_for(tasks.value());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(SubmitMany)->Arg(1000)->Arg(10'000)->UseRealTime();

void SubmitManyAndWait(benchmark::State& state) {
  FakeController fake;
  const auto session = connect(fake);
  RequestBatch batch;
  batch.targets = {""};
  batch.msg_type = "apply_request";
  batch.metadata = small_request().metadata;
  batch.shared_buffers = {small_request().buffers[0], small_request().buffers[1]};
  batch.own_buffers.assign(static_cast<std::size_t>(state.range(0)), {small_request().buffers[2]});
  for (auto _ : state) wait_for(session->submit_many(batch).value());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(SubmitManyAndWait)->Arg(10'000)->UseRealTime();

void RoundTrip(benchmark::State& state) {
  FakeController fake;
  const auto session = connect(fake);
  for (auto _ : state) {
    const TaskPtr task = session->submit(small_request());
    session->wait({&task, 1}, -1, WaitMode::kAll, Task::Until::kReplied);
  }
}
BENCHMARK(RoundTrip)->UseRealTime();

// 100,000 outstanding tasks and their memory.
void Outstanding(benchmark::State& state) {
  FakeController fake([](FakeController&, const FakeController::Incoming&) {});
  const auto session = connect(fake);
  RequestBatch batch;
  batch.targets = {""};
  batch.msg_type = "apply_request";
  batch.metadata = small_request().metadata;
  batch.own_buffers.assign(100'000, {});
  for (auto _ : state) {
    std::vector<TaskPtr> tasks = session->submit_many(batch).take();
    state.PauseTiming();
    state.counters["outstanding"] = static_cast<double>(session->outstanding().size());
    tasks.clear();
    state.ResumeTiming();
  }
}
BENCHMARK(Outstanding)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace engineroom::client
