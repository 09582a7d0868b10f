// SPDX-License-Identifier: Apache-2.0
/// The way to the daemon: HTTP over a Unix socket or TCP.
/// Invariants: one connection, kept for all requests of a run.
/// Threading: one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/plan.h"
#include "cli/settings.h"

namespace polycube::cli {

struct Reply {
  int status = 0;
  std::string reason;
  std::string body;
};

/// Errors of send(): system, with a text for the user; what the daemon answers is never an error here.
class Transport {
 public:
  virtual ~Transport() = default;
  [[nodiscard]] virtual Result<Reply> send(const Request& request) = 0;
  /// The same for a reply that does not end: what comes of it is given to `take`. Returns when the daemon ends it; the body is
  /// that of a refusal only.
  using Take = std::function<void(std::string_view)>;
  [[nodiscard]] virtual Result<Reply> follow(const std::string& path, const Take& take) = 0;
};

[[nodiscard]] std::unique_ptr<Transport> connect_http(const Settings& settings, const Endpoint& endpoint);

}  // namespace polycube::cli
