// SPDX-License-Identifier: Apache-2.0
/// Runs a service's control planes in a process of their own, connected to a daemon.
/// Why: the author writes one control plane, wherever it runs.
/// Invariants: functions of cubes run on one thread, in the order in which the daemon calls them, timers on another, and of
/// one cube never two at a time. When the connection ends, the cubes are destroyed; with the next one they are made anew.
/// Threading: run() by one thread; stop() from any.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <map>
#include <memory>

#include "control.grpc.pb.h"
#include "remote/remote_host.h"

namespace polycube::remote {

/// How a connection ended.
struct Ending {
  bool attached = false;  ///< it was, before
  bool refused = false;   ///< by the daemon, which said why
  Error error;
};

class Runner {
 public:
  Runner(const control::Service& service, pb::Offer offer) : service_(service), offer_(std::move(offer)) {}

  /// Connects, and serves until the connection ends.
  [[nodiscard]] Ending run(const std::shared_ptr<grpc::Channel>& channel);
  /// Ends run(), also one that is only about to begin.
  void stop();

 private:
  class Connection;

  const control::Service& service_;
  const pb::Offer offer_;
  std::mutex mutex_;
  Connection* connection_ = nullptr;
  bool stopped_ = false;
};

}  // namespace polycube::remote
