// What `cython.view.strided` and the like are as objects.
#include "runtime/loan.h"

namespace er {
namespace {

struct AxisObject {
  PyObject ob_base;
  const char* text;
};

PyObject* represent_axis(PyObject* o) {
  return PyUnicode_FromString(reinterpret_cast<AxisObject*>(o)->text);
}

void destroy_axis(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

PyType_Slot kAxisSlots[] = {
    {Py_tp_repr, reinterpret_cast<void*>(represent_axis)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_axis)},
    {0, nullptr},
};

PyType_Spec kAxisSpec = {
    "cython.view.axis",
    sizeof(AxisObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    kAxisSlots,
};

const char* text_of(Axis axis) {
  const bool is_contiguous = axis.packing == AxisPacking::kContiguous;
  switch (axis.access) {
    case AxisAccess::kFull:
      return is_contiguous ? "<contiguous and direct or indirect>"
                           : "<strided and direct or indirect>";
    case AxisAccess::kPointer:
      return is_contiguous ? "<contiguous and indirect>" : "<strided and indirect>";
    case AxisAccess::kDirect:
      break;
  }
  return is_contiguous ? "<contiguous and direct>" : "<strided and direct>";
}

}  // namespace

PyObject* axis_object(Axis axis) {
  static PyObject* type = nullptr;  // for the life of the process, as its objects are
  if (type == nullptr) type = PyType_FromSpec(&kAxisSpec);
  if (type == nullptr) return nullptr;
  auto* made = reinterpret_cast<PyTypeObject*>(type);
  PyObject* o = made->tp_alloc(made, 0);
  if (o != nullptr) reinterpret_cast<AxisObject*>(o)->text = text_of(axis);
  return o;
}

}  // namespace er
