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
#include "kernel_objects.h"

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
  /// From which folders the successor has services as well.
  void use_services(std::vector<std::filesystem::path> folders) { services_ = std::move(folders); }
  /// `path` below /restconf/data, with its '/' in front, or empty. Errors: an answer that is not of the 200s, with its body.
  [[nodiscard]] Result<> post(const std::string& path, const std::string& body);
  [[nodiscard]] Result<> patch(const std::string& path, const std::string& body);
  [[nodiscard]] Result<> remove(const std::string& path);
  [[nodiscard]] Result<nlohmann::json> get(const std::string& path);
  /// An RPC of module polycube; returns its output.
  [[nodiscard]] Result<nlohmann::json> operate(const std::string& rpc, const nlohmann::json& input);
  /// GET of any resource, whatever it is.
  [[nodiscard]] Result<> read(const std::string& resource);
  /// Where it listens.
  [[nodiscard]] std::filesystem::path socket() const { return folder_ / "socket"; }
  /// How many lines of its log, and of those of its predecessors, have this in them.
  [[nodiscard]] std::size_t logged(const std::string& text) const;

  /// What all its threads have used, the kernel's work for them included.
  [[nodiscard]] Result<std::chrono::nanoseconds> cpu_time() const;

  /// In KiB: what is resident (VmRSS), and what of it is its own, no part of a file or of a map.
  [[nodiscard]] Result<std::uint64_t> resident_memory() const;
  [[nodiscard]] Result<std::uint64_t> own_memory() const;
  /// How many files it has open.
  [[nodiscard]] Result<std::size_t> descriptors() const;
  /// Once they do not change any more: the kernel frees later.
  [[nodiscard]] Result<KernelObjects> objects() const;

 private:
  Daemon();
  [[nodiscard]] Result<> spawn();
  void end(int signal);
  void connect();
  [[nodiscard]] Result<> wait_until_ready();
  [[nodiscard]] std::string log_tail() const;
  /// A number that a file of /proc/PID has in the line that begins so.
  [[nodiscard]] Result<std::uint64_t> process_value(const char* file, const std::string& name) const;

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
