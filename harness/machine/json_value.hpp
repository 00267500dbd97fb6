// Absent values in JSON: null, so that a reader sees that they were looked for. Included by .cpp
// files only; nlohmann's header is too large for the others.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace stackheap {

template <class T>
nlohmann::ordered_json json_value(const std::optional<T>& value) {
  if (!value) return nullptr;
  return *value;
}

// What the kernel reports need not be UTF-8; a replaced byte is better than a lost run.json.
inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace stackheap
