// SPDX-License-Identifier: Apache-2.0
/// What the API does, as metrics.
/// Threading: safe from every thread.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "service/metrics.h"

namespace polycube::api {

class Activity {
 public:
  /// A request was answered.
  void answered(std::string_view method, int status, std::chrono::duration<double> time);
  void connected() { connections_++; }
  void disconnected() { connections_--; }

  void add_to(service::Metrics& metrics) const;

 private:
  std::atomic<std::size_t> connections_ = 0;
  mutable std::mutex mutex_;                                               ///< guards those that follow
  std::map<std::pair<std::string, std::string>, std::uint64_t> requests_;  ///< by method and class of status
  service::Histogram durations_;
};

}  // namespace polycube::api
