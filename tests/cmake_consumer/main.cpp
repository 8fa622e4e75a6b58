// What a user of the installed library writes: it must compile, link, and fail with a sentence
// where there is no cluster.
#include <cstdio>

#include <engineroom/client.h>

int main() {
  const auto client =
      engineroom::Client::connect({.connection_file = "/no/such/file.json", .timeout_s = 1});
  if (client.ok()) return 1;
  std::puts(client.status().to_string().c_str());
  const engineroom::Value value(engineroom::Value::List{1, 2.5, "three"});
  return value.to_json() == R"([1,2.5,"three"])" ? 0 : 1;
}
