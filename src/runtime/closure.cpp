// Objects that hold the variables of closures (closure.h).
#include "runtime/engineroom_runtime.h"

#include <cstring>

namespace er {
namespace {

ScopeObject* as_scope(PyObject* o) { return reinterpret_cast<ScopeObject*>(o); }
char* members_of(PyObject* o) { return scope_members<char>(o); }
PyObject** objects_of(PyObject* o) { return scope_members<PyObject*>(o); }

// Room for n offsets, after the members.
std::size_t size_of_views(Py_ssize_t n) {
  return static_cast<std::size_t>(n) * sizeof(std::uint32_t);
}
std::uint32_t* views_of(PyObject* o) {
  const auto size = static_cast<std::size_t>(Py_SIZE(o)) - size_of_views(as_scope(o)->n_views);
  return reinterpret_cast<std::uint32_t*>(members_of(o) + size);
}
Memory*& reference_at(PyObject* o, std::uint32_t offset) {
  return *reinterpret_cast<Memory**>(members_of(o) + offset);
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(as_scope(o)->outer);
  for (Py_ssize_t i = 0; i < as_scope(o)->n_objects; ++i) Py_VISIT(objects_of(o)[i]);
  return 0;
}

int clear(PyObject* o) {
  for (Py_ssize_t i = 0; i < as_scope(o)->n_objects; ++i) Py_CLEAR(objects_of(o)[i]);
  for (Py_ssize_t i = 0; i < as_scope(o)->n_views; ++i) {
    Memory*& reference = reference_at(o, views_of(o)[i]);
    Memory* const old = reference;
    reference = nullptr;
    drop(old);
  }
  Py_CLEAR(as_scope(o)->outer);
  return 0;
}

void destroy(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  // A function may hold the scope of one that holds the scope of one, and so on.
  Py_TRASHCAN_BEGIN(o, destroy) clear(o);
  type->tp_free(o);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

PyType_Slot kSlots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {0, nullptr},
};

PyType_Spec kSpec = {
    "engineroom.closure_scope",
    sizeof(ScopeObject),
    1,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
        Py_TPFLAGS_IMMUTABLETYPE,
    kSlots,
};

// Made once; null after an error.
PyTypeObject* scope_type() {
  static PyObject* type = nullptr;
  if (type == nullptr) type = PyType_FromSpec(&kSpec);
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

PyObject* new_scope(std::size_t size, Py_ssize_t n_objects, Py_ssize_t n_views, PyObject* outer) {
  PyTypeObject* type = scope_type();
  if (type == nullptr) return nullptr;
  // Offsets are aligned where the members end.
  size = (size + sizeof(std::uint32_t) - 1) / sizeof(std::uint32_t) * sizeof(std::uint32_t);
  PyObject* o = type->tp_alloc(type, static_cast<Py_ssize_t>(size + size_of_views(n_views)));
  if (o == nullptr) return nullptr;
  as_scope(o)->outer = Py_XNewRef(outer);
  as_scope(o)->n_objects = n_objects;
  as_scope(o)->n_views = n_views;
  return o;
}

void set_scope_views(PyObject* scope, std::initializer_list<Memory**> references) {
  std::uint32_t* next = views_of(scope);
  for (Memory** reference : references)
    *next++ = static_cast<std::uint32_t>(reinterpret_cast<char*>(reference) - members_of(scope));
}

bool raise_unbound_free(const char* name) {
  PyErr_Format(PyExc_NameError,
               "cannot access free variable '%s' where it is not associated with a value in "
               "enclosing scope",
               name);
  return false;
}

}  // namespace er
