// runtime/closure.h — variables that functions share with the functions around them.
//
// A scope is an object with a struct of C++ in it, whose members are the variables. The function
// that makes it, and the function objects made inside, hold it; it holds the scope around it. The
// garbage collector sees what is in it. It knows by itself where its references are, so that it may
// outlive the code that made it.
#pragma once

#include <initializer_list>

#include "runtime/memoryview.h"
#include "runtime/python.h"

ER_BEGIN_INLINE
namespace er {

struct ScopeObject {
  PyObject_VAR_HEAD PyObject* outer;  // or null
  Py_ssize_t n_objects;               // members that are objects: the first ones
  Py_ssize_t n_views;                 // offsets at the end: of references that memoryviews hold
  // Followed by the members.
};
// As new memory is for any type of C.
inline constexpr std::size_t kScopeHead = 48;
static_assert(sizeof(ScopeObject) == kScopeHead && kScopeHead % 16 == 0);

// Members of `size` bytes, all zero. `outer` may be null.
ER_RUNTIME_API PyObject* new_scope(std::size_t size, Py_ssize_t n_objects, Py_ssize_t n_views,
                                   PyObject* outer);
// Where the scope's memoryviews have their references.
ER_RUNTIME_API void set_scope_views(PyObject* scope, std::initializer_list<Memory**> references);

template <typename Members>
Members* scope_members(PyObject* scope) {
  return reinterpret_cast<Members*>(reinterpret_cast<char*>(scope) + kScopeHead);
}
inline PyObject* outer_scope(PyObject* scope) {
  return reinterpret_cast<ScopeObject*>(scope)->outer;
}
// Of a variable of a function around the one that runs. Always false.
ER_RUNTIME_API ER_COLD bool raise_unbound_free(const char* name);

}  // namespace er
ER_END_INLINE
