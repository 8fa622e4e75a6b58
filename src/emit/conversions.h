// emit/conversions.h — which function of the runtime turns a C value into an object, and back.
//
// Structs have functions of their own in the text, made here when they are first asked for.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "emit/item_types.h"
#include "emit/writer.h"
#include "tree/module.h"

namespace engineroom::emit {

class Conversions {
 public:
  explicit Conversions(ItemTypes& item_types) : item_types_(item_types) {}

  // A call that has a new reference, or null.
  std::string to_object(const tree::Type& type, const std::string& value);
  // A call that writes to the pointer `out`, or is false.
  std::string from_object(const tree::Type& type, const std::string& object,
                          const std::string& out);
  // The C++ name of the table that says what a memoryview of this type wants of an exporter.
  std::string view_spec(const tree::Type& type);
  // The functions asked for so far.
  const Writer& functions() const { return functions_; }

 private:
  std::string tuple_function(const tree::Type& type, bool to_object);
  void make_to_tuple(const tree::Type& type, const std::string& name);
  void make_from_tuple(const tree::Type& type, const std::string& name);
  void make_to_object(const tree::Type& type);
  void make_from_object(const tree::Type& type);

  std::string item_to_object(const tree::Type& item);
  std::string item_from_object(const tree::Type& item);

  ItemTypes& item_types_;
  std::map<const tree::Type*, std::string> view_specs_;
  std::set<const tree::Type*> made_to_object_;
  std::set<const tree::Type*> made_from_object_;
  std::map<const tree::Type*, std::string> tuples_to_object_;
  std::map<const tree::Type*, std::string> tuples_from_object_;
  Writer functions_;
};

// "er::as_list(o)" and "list" of a list; "" of any object.
std::string class_check(const tree::Module& module, const tree::Type& type,
                        const std::string& object);
std::string class_name(const tree::Type& type);

// What holds a reference of a counted type: "er::Ref", "er::ViewRef<er::View<1>>".
std::string owner_type(const tree::Type& type);

}  // namespace engineroom::emit
