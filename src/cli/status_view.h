// SPDX-License-Identifier: Apache-2.0
/// How the daemon is, at a glance, and what happens, line by line.
/// Threading: pure functions.
#pragma once

#include <string>

#include "cli/schema.h"

namespace polycube::cli {

/// Content of polycube:status: what is wrong first, with what to do about it. `now`: seconds in Unix time.
[[nodiscard]] std::string status_text(const Json& status, const std::string& version, double now);

/// Whether there is a problem.
[[nodiscard]] bool is_faulty(const Json& status);

/// One notification (content of ietf-restconf:notification): "TIME NAME leaf=value ...", texts of several lines below it.
[[nodiscard]] std::string event_text(const Json& notification);

/// Takes a stream of server-sent events apart.
class EventReader {
 public:
  /// What begins here of the stream; returns the data of the messages that are complete.
  [[nodiscard]] std::vector<std::string> read(std::string_view bytes);
  /// The last comment, in which the daemon says why it ends the stream.
  [[nodiscard]] const std::string& comment() const { return comment_; }

 private:
  std::string line_;
  std::string data_;
  std::string comment_;
};

}  // namespace polycube::cli
