// bindings/buffers.h — frames of messages as Python buffers, and Python buffers as frames, without
// copies.
//
// A frame that leaves for the network may be dropped by a thread of ZeroMQ, which must not wait for
// the interpreter's lock. So such threads only note what Python objects are free again; a thread
// that holds the lock anyway lets go of them (ReleaseQueue).
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include <nanobind/nanobind.h>

#include "base/bytes.h"

namespace engineroom::bindings {

// Frames below this are copied into a `bytes`: making the memoryview would cost more.
inline constexpr std::size_t kCopiedBytes = 4096;

// A `bytes` if it is small, else a read-only memoryview of the frame, which it keeps alive.
nanobind::object frame_to_python(const Bytes& frame);
nanobind::list frames_to_python(const Frames& frames);

// A frame of what a Python object (bytes, memoryview, array …) holds, which must be contiguous.
// Large ones stay where they are, and the object lives until they were sent. Throws nanobind's
// exceptions.
Bytes frame_from_python(nanobind::handle object);
Frames frames_from_python(nanobind::handle sequence);

// Text or bytes, copied.
Bytes text_from_python(nanobind::handle text);

// The type behind the memoryviews; once per module.
void bind_buffers(nanobind::module_& m);

// Python buffers that no frame needs any more. One per process, never destroyed: frames may outlive
// everything else.
class ReleaseQueue {
 public:
  static ReleaseQueue& instance();

  // From any thread, without the lock.
  void add(Py_buffer* buffer);
  // With the interpreter's lock held. Cheap if there is nothing.
  void release_all();
  bool empty() const { return !pending_.load(std::memory_order_acquire); }
  // An eventfd to notify when something was added, so that an idle thread releases it soon; -1 for
  // none: then the main thread is asked to.
  void notify(int event_fd) { event_fd_.store(event_fd, std::memory_order_release); }

 private:
  std::mutex mutex_;
  std::vector<Py_buffer*> buffers_;  // guarded by mutex_
  std::atomic<bool> pending_{false};
  std::atomic<int> event_fd_{-1};
};

}  // namespace engineroom::bindings
