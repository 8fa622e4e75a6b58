#include "bindings/buffers.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace nb = nanobind;

namespace engineroom::bindings {
namespace {

// What a memoryview of a frame refers to.
struct Frame {
  Bytes bytes;
};

int get_frame_buffer(PyObject* self, Py_buffer* view, int flags) {
  const Bytes& bytes = nb::inst_ptr<Frame>(self)->bytes;
  void* data = const_cast<char*>(bytes.data());
  return PyBuffer_FillInfo(view, self, data, static_cast<Py_ssize_t>(bytes.size()), 1, flags);
}

PyType_Slot frame_slots[] = {
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_frame_buffer)},
    {0, nullptr},
};

// Frames up to this size are copied when sent anyway (Socket::kZeroCopyBytes).
constexpr Py_ssize_t kCopyOnSend = 8192;

}  // namespace

nb::object frame_to_python(const Bytes& frame) {
  if (frame.size() <= kCopiedBytes) return nb::bytes(frame.data(), frame.size());
  nb::object owner = nb::cast(Frame{frame});
  return nb::steal(PyMemoryView_FromObject(owner.ptr()));
}

nb::list frames_to_python(const Frames& frames) {
  nb::list list;
  for (const Bytes& frame : frames) list.append(frame_to_python(frame));
  return list;
}

Bytes frame_from_python(nb::handle object) {
  if (PyBytes_Check(object.ptr())) {
    const Py_ssize_t size = PyBytes_Size(object.ptr());
    if (size < kCopyOnSend) {
      return Bytes::copy_of({PyBytes_AsString(object.ptr()), static_cast<std::size_t>(size)});
    }
  }
  auto* view = new Py_buffer;
  // Any order of the dimensions will do: the pickle that goes with the buffer says which it is.
  if (PyObject_GetBuffer(object.ptr(), view, PyBUF_ANY_CONTIGUOUS) != 0) {
    delete view;
    nb::raise_python_error();
  }
  if (view->len < kCopyOnSend) {
    Bytes copy =
        Bytes::copy_of({static_cast<const char*>(view->buf), static_cast<std::size_t>(view->len)});
    PyBuffer_Release(view);
    delete view;
    return copy;
  }
  const void* data = view->buf;
  const auto size = static_cast<std::size_t>(view->len);
  std::shared_ptr<const void> owner(static_cast<const void*>(data),
                                    [view](const void*) { ReleaseQueue::instance().add(view); });
  return Bytes(std::move(owner), data, size);
}

Frames frames_from_python(nb::handle sequence) {
  Frames frames;
  for (nb::handle object : sequence) frames.push_back(frame_from_python(object));
  return frames;
}

Bytes text_from_python(nb::handle text) {
  if (PyUnicode_Check(text.ptr())) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (data == nullptr) nb::raise_python_error();
    return Bytes::copy_of({data, static_cast<std::size_t>(size)});
  }
  return frame_from_python(text);
}

void bind_buffers(nb::module_& m) { nb::class_<Frame>(m, "_Frame", nb::type_slots(frame_slots)); }

// ---- ReleaseQueue ----

namespace {
int release_when_convenient(void*) {
  ReleaseQueue::instance().release_all();
  return 0;
}
}  // namespace

ReleaseQueue& ReleaseQueue::instance() {
  static auto* queue = new ReleaseQueue;
  return *queue;
}

void ReleaseQueue::add(Py_buffer* buffer) {
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = buffers_.empty();
    buffers_.push_back(buffer);
    pending_.store(true, std::memory_order_release);
  }
  const int fd = event_fd_.load(std::memory_order_acquire);
  if (fd < 0) {
    // A client: its main thread does it between two instructions of whatever it is running. If the
    // list of such calls is full, the next call into the client does it.
    if (first && Py_IsInitialized()) Py_AddPendingCall(release_when_convenient, nullptr);
    return;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

void ReleaseQueue::release_all() {
  if (empty()) return;
  std::vector<Py_buffer*> buffers;
  {
    const std::scoped_lock lock(mutex_);
    buffers.swap(buffers_);
    pending_.store(false, std::memory_order_release);
  }
  for (Py_buffer* buffer : buffers) {
    PyBuffer_Release(buffer);
    delete buffer;
  }
}

}  // namespace engineroom::bindings
