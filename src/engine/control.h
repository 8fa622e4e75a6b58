// engine/control.h — reading the contents of messages that the I/O thread handles by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <pthread.h>

#include "base/json.h"
#include "base/status.h"
#include "engine/membership.h"

namespace engineroom::engine {

Result<RegistrationReply> read_registration_reply(std::string_view content, JsonReader& json);

// The msg_ids of an abort_request or release_request, which may also be a single string.
std::vector<std::string> read_ids(std::string_view content, JsonReader& json);

// The number of the signal in a signal_request, which may name it ("SIGINT", "INT").
Result<int> read_signal(std::string_view content, JsonReader& json);

// A member of a JSON object; "" or false if there is none of that type.
std::string read_string(std::string_view content, const char* key, JsonReader& json);
bool read_flag(std::string_view content, const char* key, JsonReader& json);

// Sends the process a signal, so that Python's handlers run on `python` soon.
void deliver_signal(int number, pthread_t python);

// What Python is sent when the task that it runs is to stop. Not SIGINT: that one may come from
// anybody and interrupts whatever runs, this one only the task that is meant, however late it
// comes.
int task_interrupt_signal();

// {"status":"error","ename":…,"evalue":…,"traceback":[]}
std::string error_content(std::string_view ename, std::string_view evalue);

}  // namespace engineroom::engine
