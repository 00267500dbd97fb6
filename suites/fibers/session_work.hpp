// The work of one session of fibers/sessions, the same for every way to write the server: what it
// allocates and writes before it waits and after, and what it must answer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/random.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap::sessions {

inline constexpr std::size_t kFields = 8;

// How much a session reads and writes, and the bytes it writes, from its seed alone. All sizes are
// whole and uniform between the bounds.
struct SessionPlan {
  static constexpr std::uint32_t kRequest[] = {512, 2'047};  // what has been received
  static constexpr std::uint32_t kField[] = {8, 63};         // of each header field, in characters
  static constexpr std::uint32_t kQuery[] = {64, 255};       // to the backend, in characters
  static constexpr std::uint32_t kReply[] = {256, 4'095};

  explicit SessionPlan(std::uint64_t seed) {
    const std::uint64_t sizes = splitmix64(seed);
    request = between(kRequest, sizes);
    query = between(kQuery, sizes >> 16U);
    reply = between(kReply, sizes >> 32U);
    std::uint64_t drawn = splitmix64(seed);
    for (std::size_t i = 0; i < kFields; ++i) {
      if (i == kFields / 2) drawn = splitmix64(seed);
      fields[i] = between(kField, drawn);
      drawn >>= 16U;
    }
    content = static_cast<unsigned char>(sizes >> 48U);
  }

  unsigned char field_content(std::size_t i) const {
    return static_cast<unsigned char>(content + 1 + i);
  }
  // What a waiting session has asked of the heap, without the terminators of its strings.
  std::size_t waiting_bytes() const {
    std::size_t bytes = request + kFields * sizeof(std::string);
    for (const std::uint32_t field : fields) bytes += field;
    return bytes;
  }

  std::uint32_t request = 0;
  std::array<std::uint32_t, kFields> fields{};
  std::uint32_t query = 0;
  std::uint32_t reply = 0;
  unsigned char content = 0;  // of the request, and what the other contents follow from

 private:
  static std::uint32_t between(const std::uint32_t (&bounds)[2], std::uint64_t draw) {
    return bounds[0] +
           static_cast<std::uint32_t>(((draw & 0xffffU) * (bounds[1] - bounds[0] + 1)) >> 16U);
  }
};

// The answer's checksum, byte by byte of those that are looked at.
class Answer {
 public:
  void add(std::uint64_t size, unsigned char first, unsigned char last) {
    value_ = (value_ ^ (size << 16U | std::uint64_t{first} << 8U | last)) * 0x9e3779b97f4a7c15U;
    value_ ^= value_ >> 32U;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

// What a session must answer, without doing it.
inline std::uint64_t expected_answer(std::uint64_t seed) {
  const SessionPlan plan(seed);
  Answer answer;
  answer.add(plan.request, plan.content, plan.content);
  for (std::size_t i = 0; i < kFields; ++i) {
    answer.add(plan.fields[i], plan.field_content(i), plan.field_content(i));
  }
  answer.add(plan.reply, plan.content, plan.content);
  return answer.value();
}

class Session {
 public:
  explicit Session(std::uint64_t seed) : plan_(seed) {}

  // Until it has to wait for the backend.
  void parse() {
    request_ = std::make_unique_for_overwrite<unsigned char[]>(plan_.request);
    touch(request_.get(), plan_.request, plan_.content);
    escape(request_.get());
    fields_.reserve(kFields);
    for (std::size_t i = 0; i < kFields; ++i) {
      fields_.emplace_back(plan_.fields[i], static_cast<char>(plan_.field_content(i)));
      escape(fields_.back().data());
    }
  }

  // The backend has answered: gives back all it has, and what the client is sent.
  std::uint64_t respond() {
    {
      const std::string query(plan_.query, static_cast<char>(plan_.content));
      escape(query.data());
    }
    const auto reply = std::make_unique_for_overwrite<unsigned char[]>(plan_.reply);
    touch(reply.get(), plan_.reply, plan_.content);
    escape(reply.get());
    Answer answer;
    answer.add(plan_.request, request_[0], request_[plan_.request - 1]);
    for (const std::string& field : fields_) {
      answer.add(field.size(), static_cast<unsigned char>(field.front()),
                 static_cast<unsigned char>(field.back()));
    }
    answer.add(plan_.reply, reply[0], reply[plan_.reply - 1]);
    fields_ = {};
    request_.reset();
    return answer.value();
  }

  std::size_t waiting_bytes() const { return plan_.waiting_bytes(); }
  unsigned char* request() { return request_.get(); }

 private:
  SessionPlan plan_;
  std::unique_ptr<unsigned char[]> request_;
  std::vector<std::string> fields_;
};

}  // namespace stackheap::sessions
