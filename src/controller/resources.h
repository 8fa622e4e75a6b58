// controller/resources.h — what engines offer and tasks demand, as it is on the wire: {"cpus": 2,
// "gpus": 0.5, "memory": 4294967296}, memory in bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "controller/json_object.h"
#include "controller/registry.h"
#include "scheduler/resources.h"

namespace engineroom::controller {

using scheduler::Amounts;

// The member of this name: none if it is absent or null; nullopt if it is anything but an object of
// numbers that are not negative.
std::optional<Amounts> read_amounts(const JsonObject& object, std::string_view key);
std::string to_json(const Amounts& amounts);

// What an engine offers that says nothing of it, as stock ones do.
Amounts usual_offer();

bool is_offered(const Registry& registry, const Amounts& demand);

// "gpus=2 (the most that one offers: gpus=1)", for the answer to a task that nobody can run.
std::string describe_missing(const Registry& registry, const Amounts& demand);

}  // namespace engineroom::controller
