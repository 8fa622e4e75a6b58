// runtime/loan.h — what the library's own files share about memoryviews; generated code needs none
// of it.
//
// Memory that an exporter lent is a Loan. To C it is a Memory, counted atomically; to Python an
// object that the garbage collector can see, as it may be part of a cycle: a class whose instances
// keep memoryviews of themselves. All references from C together are one reference to the object.
#pragma once

#include <cstddef>

#include "runtime/gil.h"
#include "runtime/memoryview.h"
#include "runtime/ref.h"

namespace er {

inline constexpr int kMaxDimensions = 8;

struct Loan {
  PyObject ob_base;
  Memory memory;  // its owner is the exporter
  Py_buffer buffer;
  // The layout of `buffer`, also where that leaves it out.
  int n_dimensions;
  Py_ssize_t shape[kMaxDimensions];
  Py_ssize_t strides[kMaxDimensions];
  Py_ssize_t suboffsets[kMaxDimensions];  // -1: no pointers

  const char* format() const { return buffer.format != nullptr ? buffer.format : "B"; }
  PyObject* object() { return reinterpret_cast<PyObject*>(this); }
};

// Of any memory but none_memory.
inline Loan* loan_of(Memory* memory) {
  return reinterpret_cast<Loan*>(reinterpret_cast<char*>(memory) - offsetof(Loan, memory));
}

// A new reference to the object, without any from C. Null with an exception.
Loan* borrow_memory(PyObject* exporter, int flags);
// A reference from C more.
Memory* lend_to_c(Loan* loan);

// cython.view.memoryview.
struct MemoryViewObject {
  PyObject ob_base;
  Loan* loan;  // null if the garbage collector took it
  char* data;
  int n_dimensions;
  Py_ssize_t shape[kMaxDimensions];
  Py_ssize_t strides[kMaxDimensions];
  Py_ssize_t suboffsets[kMaxDimensions];
  Py_ssize_t item_size;
  bool is_indirect;
  bool has_objects;
  // Of a typed view; null: by the buffer's format.
  PyObject* (*to_object)(const char* item);
  bool (*from_object)(PyObject* o, char* item);
  PyObject* home;  // keeps the code of those loaded; may be null
  Py_ssize_t n_exports;
  PyObject* weak_references;

  AnyView view(Memory** memory) {
    return {memory, &data, n_dimensions, shape, strides, is_indirect ? suboffsets : nullptr};
  }
};

// The object as one, if it exports its buffer as this class does, and still has one.
MemoryViewObject* as_memoryview(PyObject* o);
// Of all that was borrowed. Null with an exception.
PyObject* new_memoryview(Loan* loan, bool has_objects);
// Of other geometry over the same memory; items as those of `like`, which may be null.
MemoryViewObject* new_memoryview(PyTypeObject* type, Loan* loan, const MemoryViewObject* like);

// A cython.view.array of its own memory; objects in it are None. `format` is bytes.
PyObject* new_array(int n_dimensions, const Py_ssize_t* shape, Py_ssize_t item_size,
                    PyObject* format, bool is_fortran);
// Contiguous strides: the number of bytes, or -1 if that is too many.
Py_ssize_t set_contiguous_strides(int n, const Py_ssize_t* shape, Py_ssize_t* strides,
                                  Py_ssize_t item_size, bool is_fortran);
// Adds or takes references of all objects.
void count_objects(AnyView view, bool is_added);
// Copies `from` to new contiguous memory: a new reference, null with an exception.
Loan* copy_to_new_memory(AnyView from, PyObject* format, Py_ssize_t item_size, bool has_objects,
                         bool is_fortran);

// A class that is a collections.abc.Sequence: a new reference.
PyTypeObject* make_sequence_type(PyType_Spec* spec);

// The format of an item in Python's notation: bytes.
PyObject* format_of(const ItemType& item);

// While it lives, an exception that was set is aside.
class ExceptionAside {
 public:
  ExceptionAside() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ExceptionAside(const ExceptionAside&) = delete;
  ExceptionAside& operator=(const ExceptionAside&) = delete;
  ~ExceptionAside() { PyErr_Restore(type_, value_, traceback_); }

 private:
  PyObject* type_;
  PyObject* value_;
  PyObject* traceback_;
};

}  // namespace er
