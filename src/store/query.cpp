#include "store/query.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <simdjson.h>

#include "base/clock.h"
#include "store/glob.h"

namespace engineroom::store {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::array<std::pair<std::string_view, Operator>, 12> kOperators = {{
    {"$eq", Operator::kEq},
    {"$ne", Operator::kNe},
    {"$lt", Operator::kLt},
    {"$lte", Operator::kLte},
    {"$gt", Operator::kGt},
    {"$gte", Operator::kGte},
    {"$in", Operator::kIn},
    {"$nin", Operator::kNin},
    {"$all", Operator::kAll},
    {"$mod", Operator::kMod},
    {"$exists", Operator::kExists},
    {"$glob", Operator::kGlob},
}};

std::optional<Operator> parse_operator(std::string_view name) {
  const auto found = std::find_if(kOperators.begin(), kOperators.end(),
                                  [name](const auto& each) { return each.first == name; });
  if (found == kOperators.end()) return std::nullopt;
  return found->second;
}

bool takes_list(Operator op) {
  return op == Operator::kIn || op == Operator::kNin || op == Operator::kAll;
}

bool is_operators(element value) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS || object.size() == 0) return false;
  return std::all_of(object.begin(), object.end(),
                     [](const auto& member) { return member.key.starts_with('$'); });
}

bool is_number(element value) {
  return value.is<std::int64_t>() || value.is<std::uint64_t>() || value.is<double>();
}

// By value: what a loop runs over must outlive the expression it came from. REQUIRES: an array
simdjson::dom::array array_of(element value) { return value.get_array().value_unsafe(); }

double number_of(element value) {
  double number = 0;
  return value.get(number) == simdjson::SUCCESS ? number : 0;
}

// ---- comparing JSON ----

bool are_equal(element a, element b);

bool are_equal(simdjson::dom::array a, simdjson::dom::array b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](element x, element y) { return are_equal(x, y); });
}

bool are_equal(simdjson::dom::object a, simdjson::dom::object b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&b](const auto& member) {
    element other;
    return b.at_key(member.key).get(other) == simdjson::SUCCESS && are_equal(member.value, other);
  });
}

// As Python compares what json.loads() gives: 1 == 1.0, and true is not taken for a number here.
bool are_equal(element a, element b) {
  if (is_number(a) && is_number(b)) {
    std::int64_t x = 0;
    std::int64_t y = 0;
    if (a.get(x) == simdjson::SUCCESS && b.get(y) == simdjson::SUCCESS) return x == y;
    return number_of(a) == number_of(b);
  }
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case element_type::STRING:
      return a.get_string().value_unsafe() == b.get_string().value_unsafe();
    case element_type::BOOL:
      return a.get_bool().value_unsafe() == b.get_bool().value_unsafe();
    case element_type::ARRAY:
      return are_equal(array_of(a), array_of(b));
    case element_type::OBJECT:
      return are_equal(a.get_object().value_unsafe(), b.get_object().value_unsafe());
    default:
      return true;  // null
  }
}

// ---- a field's value ----

// One of: nothing, a text, a date, JSON.
struct Value {
  std::optional<std::string_view> text;
  std::optional<WallTime> date;
  std::optional<element> json;

  bool is_null() const { return !text && !date && !json; }
};

Value value_of(const Record& record, const Condition& condition, JsonReader& reader) {
  Value value;
  switch (kind_of(condition.field)) {
    case FieldKind::kText:
      value.text = text_of(record, condition.field);
      return value;
    case FieldKind::kDate:
      value.date = date_of(record, condition.field);
      return value;
    case FieldKind::kBuffers:
      return value;
    case FieldKind::kJson:
      break;
  }
  const std::string_view text = json_of(record, condition.field);
  if (text.empty()) return value;
  const Result<element> root = reader.parse(text);
  if (!root.ok()) return value;
  element found = root.value();
  for (const std::string& name : condition.path) {
    if (found.at_key(name).get(found) != simdjson::SUCCESS) return value;
  }
  if (found.is_null()) return value;
  if (std::string_view string; found.get(string) == simdjson::SUCCESS) {
    value.text = string;
  } else {
    value.json = found;
  }
  return value;
}

// `date` belongs to `operand` where the field is a date.
bool is_equal(const Value& value, element operand, const std::optional<WallTime>* date) {
  if (operand.is_null()) return value.is_null();
  if (value.text) {
    std::string_view text;
    return operand.get(text) == simdjson::SUCCESS && text == *value.text;
  }
  if (value.date) return date != nullptr && *date == value.date;
  return value.json && are_equal(*value.json, operand);
}

// < 0, 0, > 0; nullopt where there is no order between the two.
std::optional<int> compare(const Value& value, const Condition& condition) {
  const auto sign = [](auto a, auto b) { return a < b ? -1 : (b < a ? 1 : 0); };
  if (value.date) {
    if (condition.dates.empty() || !condition.dates.front()) return std::nullopt;
    return sign(*value.date, *condition.dates.front());
  }
  if (value.text) {
    std::string_view text;
    if (condition.operand.get(text) != simdjson::SUCCESS) return std::nullopt;
    return sign(*value.text, text);
  }
  if (!value.json || !is_number(*value.json) || !is_number(condition.operand)) return std::nullopt;
  return sign(number_of(*value.json), number_of(condition.operand));
}

bool is_in(const Value& value, const Condition& condition) {
  if (value.text) return condition.texts->contains(*value.text);
  std::size_t index = 0;
  for (const element each : array_of(condition.operand)) {
    const auto* date = condition.dates.empty() ? nullptr : &condition.dates[index];
    if (is_equal(value, each, date)) return true;
    ++index;
  }
  return false;
}

bool has_all(const Value& value, const Condition& condition) {
  simdjson::dom::array list;
  if (!value.json || value.json->get(list) != simdjson::SUCCESS) return false;
  const simdjson::dom::array wanted = array_of(condition.operand);
  return std::all_of(wanted.begin(), wanted.end(), [&list](element each) {
    return std::any_of(list.begin(), list.end(),
                       [each](element item) { return are_equal(item, each); });
  });
}

bool leaves(const Value& value, const Condition& condition) {
  std::int64_t number = 0;
  if (!value.json || value.json->get(number) != simdjson::SUCCESS) return false;
  const simdjson::dom::array pair = array_of(condition.operand);
  const std::int64_t divisor = pair.at(0).get_int64().value_unsafe();
  const std::int64_t wanted = pair.at(1).get_int64().value_unsafe();
  if (divisor == -1) return wanted == 0;  // INT64_MIN % -1 overflows
  std::int64_t rest = number % divisor;
  if (rest != 0 && (rest < 0) != (divisor < 0)) rest += divisor;
  return rest == wanted;
}

bool holds(const Value& value, const Condition& condition) {
  const auto order = [&](auto test) {
    const std::optional<int> sign = compare(value, condition);
    return sign && test(*sign);
  };
  const auto* date = condition.dates.empty() ? nullptr : condition.dates.data();
  switch (condition.op) {
    case Operator::kEq:
      return is_equal(value, condition.operand, date);
    case Operator::kNe:
      return !is_equal(value, condition.operand, date);
    case Operator::kLt:
      return order([](int sign) { return sign < 0; });
    case Operator::kLte:
      return order([](int sign) { return sign <= 0; });
    case Operator::kGt:
      return order([](int sign) { return sign > 0; });
    case Operator::kGte:
      return order([](int sign) { return sign >= 0; });
    case Operator::kIn:
      return is_in(value, condition);
    case Operator::kNin:
      return !is_in(value, condition);
    case Operator::kAll:
      return has_all(value, condition);
    case Operator::kMod:
      return leaves(value, condition);
    case Operator::kExists:
      return condition.operand.get_bool().value_unsafe() != value.is_null();
    case Operator::kGlob:
      return value.text && matches_glob(*value.text, condition.operand.get_string().value_unsafe());
  }
  return false;
}

// ---- reading a query ----

Status bad(std::string_view key, std::string_view op, const std::string& what) {
  std::string where = "query: '" + std::string(key) + "'";
  if (!op.empty()) where += ": " + std::string(op);
  return {ErrorCode::kInvalidArgument, where + ": " + what};
}

std::string names_of_fields() {
  std::string names;
  for (const Field field : all_fields()) {
    if (!names.empty()) names += ", ";
    names += to_string(field);
  }
  return names;
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> names;
  while (true) {
    const std::size_t dot = path.find('.');
    names.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return names;
    path.remove_prefix(dot + 1);
  }
}

// What is wrong with an operand; empty: nothing.
std::string complaint(Operator op, element operand) {
  simdjson::dom::array list;
  const bool is_list = operand.get(list) == simdjson::SUCCESS;
  if (takes_list(op) && !is_list) return "wants a list, not " + simdjson::minify(operand);
  if (op == Operator::kExists && !operand.is<bool>()) return "wants true or false";
  if (op == Operator::kGlob && !operand.is<std::string_view>()) return "wants a pattern (a text)";
  if (op == Operator::kMod) {
    const bool is_pair = is_list && list.size() == 2 && list.at(0).is<std::int64_t>() &&
                         list.at(1).is<std::int64_t>();
    if (!is_pair || list.at(0).get_int64().value_unsafe() == 0) {
      return "wants [divisor, remainder], whole numbers, the divisor not 0";
    }
  }
  return {};
}

std::shared_ptr<const std::unordered_set<std::string_view>> texts_of(element list) {
  auto texts = std::make_shared<std::unordered_set<std::string_view>>();
  for (const element each : array_of(list)) {
    std::string_view text;
    if (each.get(text) == simdjson::SUCCESS) texts->insert(text);
  }
  return texts;
}

// The dates of the operand; kInvalidArgument if a text is none.
Result<std::vector<std::optional<WallTime>>> read_dates(element operand, std::string_view key,
                                                        std::string_view op) {
  std::vector<std::optional<WallTime>> dates;
  const auto add = [&](element each) {
    std::string_view text;
    dates.emplace_back();
    if (each.is_null()) return true;
    if (each.get(text) != simdjson::SUCCESS) return false;
    dates.back() = parse_iso8601(text);
    return dates.back().has_value();
  };
  const auto complain = [&](element each) {
    return bad(key, op,
               simdjson::minify(each) + " is no date; write \"2026-11-21T05:57:34.884217Z\"");
  };
  simdjson::dom::array list;
  if (operand.get(list) != simdjson::SUCCESS) {
    if (!add(operand)) return complain(operand);
    return dates;
  }
  for (const element each : list) {
    if (!add(each)) return complain(each);
  }
  return dates;
}

}  // namespace

Query::Query() : operands_(new simdjson::dom::parser), fields_(new JsonReader) {}
Query::Query(Query&&) noexcept = default;
Query& Query::operator=(Query&&) noexcept = default;
Query::~Query() = default;

Result<Query> Query::parse(std::string_view json) {
  constexpr std::size_t kMaxDepth = 100;
  Query query;
  if (!json_depth_within(json, kMaxDepth)) {
    return Status{ErrorCode::kInvalidArgument, "query: more than 100 levels"};
  }
  simdjson::dom::object object;
  element root;
  if (query.operands_->parse(json.data(), json.size(), true).get(root) != simdjson::SUCCESS ||
      root.get(object) != simdjson::SUCCESS) {
    return Status{ErrorCode::kInvalidArgument,
                  "query: wants an object of conditions, such as {\"msg_id\": {\"$in\": []}}"};
  }
  for (const auto& [key, value] : object) {
    if (Status status = query.add(key, value); !status.ok()) return status;
  }
  return query;
}

Status Query::add(std::string_view key, element value) {
  Condition condition;
  condition.path = split(key);
  const std::optional<Field> field = parse_field(condition.path.front());
  if (!field) {
    return bad(key, "", "there is no such field in records; there are: " + names_of_fields());
  }
  condition.field = *field;
  condition.path.erase(condition.path.begin());
  if (!condition.path.empty() && kind_of(*field) != FieldKind::kJson) {
    return bad(key, "", std::string(to_string(*field)) + " has no parts");
  }
  if (kind_of(*field) == FieldKind::kBuffers) return bad(key, "", "buffers cannot be compared");
  condition.operand = value;
  if (!is_operators(value)) return add(std::move(condition), key, "");
  const simdjson::dom::object operators = value.get_object().value_unsafe();
  for (const auto& [name, operand] : operators) {
    const std::optional<Operator> op = parse_operator(name);
    if (!op) {
      return bad(key, name,
                 "there is no such operator; there are $eq, $ne, $lt, $lte, $gt, $gte, $in, $nin, "
                 "$all, $mod, $exists, $glob");
    }
    Condition one = condition;
    one.op = *op;
    one.operand = operand;
    if (Status status = add(std::move(one), key, name); !status.ok()) return status;
  }
  return {};
}

Status Query::add(Condition condition, std::string_view key, std::string_view op) {
  if (const std::string what = complaint(condition.op, condition.operand); !what.empty()) {
    return bad(key, op, what);
  }
  const bool compares = condition.op != Operator::kExists && condition.op != Operator::kMod &&
                        condition.op != Operator::kGlob && condition.op != Operator::kAll;
  if (kind_of(condition.field) == FieldKind::kDate && compares) {
    auto dates = read_dates(condition.operand, key, op);
    if (!dates.ok()) return dates.status();
    condition.dates = dates.take();
  }
  if (condition.op == Operator::kIn || condition.op == Operator::kNin) {
    condition.texts = texts_of(condition.operand);
  }
  conditions_.push_back(std::move(condition));
  return {};
}

Query Query::of_ids(std::span<const std::string> msg_ids) {
  JsonWriter w;
  w.begin_object().key("msg_id").begin_object().key("$in").begin_array();
  for (const std::string& msg_id : msg_ids) w.value(msg_id);
  w.end_array().end_object().end_object();
  return parse(w.str()).take();
}

bool Query::matches(const Record& record) const {
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
    return holds(value_of(record, condition, *fields_), condition);
  });
}

void Query::leave_out_buffers() {
  wants_buffers_ = std::any_of(
      conditions_.begin(), conditions_.end(),
      [](const Condition& condition) { return kind_of(condition.field) == FieldKind::kBuffers; });
}

std::optional<std::vector<std::string>> Query::msg_ids() const {
  for (const Condition& condition : conditions_) {
    if (condition.field != Field::kMsgId) continue;
    std::vector<std::string> ids;
    const auto add = [&ids](element each) {
      std::string_view text;
      if (each.get(text) == simdjson::SUCCESS) ids.emplace_back(text);
    };
    if (condition.op == Operator::kEq) {
      add(condition.operand);
      return ids;
    }
    if (condition.op != Operator::kIn) continue;
    for (const element each : array_of(condition.operand)) add(each);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }
  return std::nullopt;
}

}  // namespace engineroom::store
