// controller/server.h — the controller as a process: sockets, signals, clock and files around the
// state machine.
//
// One thread runs the loop, ZeroMQ's I/O thread moves the bytes. Each turn takes up to a batch of
// messages from every socket in order, so that a flood on one channel delays the others by a batch
// and no more; it sleeps in poll only when a whole turn found nothing, and then until something
// arrives or a deadline comes.
//
// Large buffers of peers on this machine pass by as descriptors of shared memory
// (transport/lane.h): the state machine holds them like any other bytes, and nobody copies them.
//
// Ends: SIGTERM, SIGINT, or a client's shutdown_request; the connection files go away, the status
// is 0. SIGUSR1 logs the counters.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "controller/controller.h"
#include "controller/files.h"
#include "controller/journal_keeper.h"
#include "controller/memory.h"
#include "controller/options.h"
#include "controller/sockets.h"
#include "controller/user_gate.h"
#include "store/store.h"
#include "transport/lane.h"
#include "transport/poller.h"

namespace engineroom::controller {

class Server : private Outbox, private UserOutbox {
 public:
  explicit Server(Options options);
  ~Server() override;

  // Binds, writes the connection files.
  Status start();
  // Until the end is asked for. REQUIRES: start() was ok, and the signals of block_signals() are
  // blocked.
  void run();

 private:
  // The earlier controller's journal, and records; then the new journal.
  Status open_journal_and_records();
  void open_gate(const Addresses& addresses);
  SendResult send(Channel channel, const Frames& frames) override;
  SendResult send_to(std::size_t user, Channel channel, const Frames& frames) override;

  void open_lanes(const Addresses& addresses);
  transport::LaneHub& lanes(Channel channel);
  // A socket that is read, and whose it is; -1: the owner's, or engines'.
  struct Inlet {
    Channel channel{};
    int user = -1;
  };
  void list_inlets();
  transport::Socket& socket_of(const Inlet& inlet);
  // One turn over all sockets that have something.
  void take_turn(Time now);
  void drain(const Inlet& inlet, Time now);
  // Handles as many messages; how many there were.
  int receive_some(const Inlet& inlet, int most, Time now);
  void receive_from_user(std::size_t user, Channel channel, Frames frames, Time now);
  void receive_registration(transport::Received received, Time now);
  void handle_connection_events(Time now);
  void handle_signals();
  void wait(Time now);
  void log_stats() const;

  const Options options_;
  ConnectionFiles files_;
  std::unique_ptr<JournalKeeper> journal_;  // null: none is kept
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Sockets> sockets_;
  std::optional<transport::LaneHub> engine_lanes_;
  std::optional<transport::LaneHub> client_lanes_;  // nullopt: they are the engines'
  std::vector<transport::LaneHub> user_lanes_;
  std::unique_ptr<UserGate> gate_;  // null: there are no users
  std::vector<Inlet> inlets_;
  std::unique_ptr<Controller> controller_;
  std::optional<transport::Poller> poller_;
  MemoryTrimmer memory_;
  int signal_fd_ = -1;
  bool stop_ = false;
};

// Directs SIGINT, SIGTERM and SIGUSR1 to the loop instead of the process. Call before any thread is
// made.
void block_signals();

}  // namespace engineroom::controller
