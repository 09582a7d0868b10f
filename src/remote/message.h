// SPDX-License-Identifier: Apache-2.0
/// What control.h and control.proto say, one as the other.
/// Invariants: numbers that come from outside are checked; what does not fit is an error or the nearest that does.
/// Threading: pure functions.
#pragma once

#include <polycube/control.h>

#include "control.pb.h"

namespace polycube::remote {

namespace pb = polycube::control::v1;

/// Longest message that is sent or taken, in bytes: a table of a million small elements fits.
inline constexpr int max_message = 64 << 20;

[[nodiscard]] pb::Error to_message(const Error& error);
[[nodiscard]] Error from_message(const pb::Error& error);

[[nodiscard]] pb::Changes to_message(const control::Changes& changes);
[[nodiscard]] control::Changes from_message(const pb::Changes& changes);

[[nodiscard]] pb::Port to_message(const control::Port& port);
[[nodiscard]] control::Port from_message(const pb::Port& port);

[[nodiscard]] pb::Table to_message(const control::TableInfo& table);
/// Errors: invalid_value for a kind that there is not.
[[nodiscard]] Result<control::TableInfo> from_message(const pb::Table& table);

[[nodiscard]] pb::Program to_message(const control::Program& program);
/// Errors: invalid_value for an index that no program can have.
[[nodiscard]] Result<control::Program> from_message(const pb::Program& program);

[[nodiscard]] pb::Row to_message(const control::Row& row);
[[nodiscard]] control::Row from_message(const pb::Row& row);

[[nodiscard]] inline control::Leaves leaves_of(const google::protobuf::Map<std::string, std::string>& leaves) {
  return {leaves.begin(), leaves.end()};
}
[[nodiscard]] inline std::vector<std::string> strings_of(const google::protobuf::RepeatedPtrField<std::string>& list) {
  return {list.begin(), list.end()};
}

[[nodiscard]] inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}
[[nodiscard]] control::Bytes copy_of(const std::string& text);
[[nodiscard]] std::string text_of(std::span<const std::byte> bytes);

/// A Reply that is this error.
[[nodiscard]] pb::Reply reply_with(const Error& error);
/// Nothing, or the error that a Reply is.
[[nodiscard]] Result<> check(const pb::Reply& reply);

}  // namespace polycube::remote
