// emit/item_types.h — tables that tell the runtime what the items of a buffer are.
//
//   static const er::ItemType er_item_0 = {"double", sizeof(double), er::item_group<double>()};
#pragma once

#include <map>
#include <string>
#include <utility>

#include "emit/writer.h"
#include "tree/module.h"

namespace engineroom::emit {

class ItemTypes {
 public:
  // The C++ name of the table; `shown` is what messages call the type.
  std::string table(const tree::Type& type, const std::string& shown);
  // The tables asked for so far.
  const Writer& tables() const { return tables_; }

 private:
  std::string fields(const tree::Type& type, std::size_t index);

  std::map<std::pair<const tree::Type*, std::string>, std::string> known_;
  Writer tables_;
};

}  // namespace engineroom::emit
