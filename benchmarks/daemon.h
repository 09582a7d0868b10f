// SPDX-License-Identifier: Apache-2.0
/// polycubed as a child process in the laboratory, with socket and state in a temporary folder, and a client for it.
/// Invariants: gone, with all that it made, when this is destroyed; killed by the kernel when the benchmark is.
/// Threading: one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace httplib {
class Client;
}

namespace polycube::bench {

class Daemon {
 public:
  /// Starts it, with services from these folders as well, and waits until it answers.
  /// `keeps`: its data path outlives it, see replace().
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> start(const std::vector<std::filesystem::path>& services = {},
                                                             bool keeps = false);
  ~Daemon();

  /// kill -9, from any thread.
  void kill() const;
  /// kill -9, or SIGTERM, which leaves its data path running, and starts its successor.
  [[nodiscard]] Result<> replace(bool kill);
  /// `path` below /restconf/data, with its '/' in front, or empty. Errors: an answer that is not of the 200s, with its body.
  [[nodiscard]] Result<> post(const std::string& path, const std::string& body);
  [[nodiscard]] Result<> patch(const std::string& path, const std::string& body);
  [[nodiscard]] Result<> remove(const std::string& path);
  [[nodiscard]] Result<nlohmann::json> get(const std::string& path);

  /// What all its threads have used, the kernel's work for them included.
  [[nodiscard]] Result<std::chrono::nanoseconds> cpu_time() const;

  /// Resident memory in KiB (VmRSS).
  [[nodiscard]] Result<std::uint64_t> resident_memory() const;

 private:
  Daemon();
  [[nodiscard]] Result<> spawn();
  void end(int signal);
  void connect();
  [[nodiscard]] Result<> wait_until_ready();
  [[nodiscard]] std::string log_tail() const;

  std::filesystem::path folder_;
  std::filesystem::path pins_;
  std::vector<std::filesystem::path> services_;
  bool clean_ = true;
  pid_t pid_ = -1;
  std::unique_ptr<httplib::Client> client_;
};

/// A simpleforwarder with ports p0, p1, ... and these peers; the first two forward to each other.
[[nodiscard]] nlohmann::json forwarder_json(const std::string& name, const std::string& hook,
                                            const std::vector<std::string>& peers);

}  // namespace polycube::bench
