// Items of memoryviews as objects: for the numbers of C, so that no cell makes these functions.
#include "runtime/engineroom_runtime.h"

namespace er {

template <typename T>
PyObject* item_to_object(const char* item) {
  return to_object(*reinterpret_cast<const T*>(item));
}

template <typename T>
bool item_from_object(PyObject* o, char* item) {
  return from_object<T>(o, reinterpret_cast<T*>(item));
}

#define ER_ITEM(T)                                                       \
  template ER_RUNTIME_API PyObject* item_to_object<T>(const char* item); \
  template ER_RUNTIME_API bool item_from_object<T>(PyObject * o, char* item);
ER_ITEM(char)
ER_ITEM(signed char)
ER_ITEM(unsigned char)
ER_ITEM(short)
ER_ITEM(unsigned short)
ER_ITEM(int)
ER_ITEM(unsigned int)
ER_ITEM(long)
ER_ITEM(unsigned long)
ER_ITEM(long long)
ER_ITEM(unsigned long long)
ER_ITEM(float)
ER_ITEM(double)
#undef ER_ITEM

}  // namespace er
