// SPDX-License-Identifier: Apache-2.0
#include "api/activity.h"

#include <algorithm>
#include <array>

namespace polycube::api {

void Activity::answered(std::string_view method, int status, std::chrono::duration<double> time) {
  // What clients make up must not become labels.
  static constexpr std::array<std::string_view, 7> methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  const bool known = std::find(methods.begin(), methods.end(), method) != methods.end();
  const std::lock_guard lock(mutex_);
  requests_[{std::string(known ? method : "other"), std::to_string(status / 100) + "xx"}]++;
  durations_.observe(time.count());
}

void Activity::add_to(service::Metrics& metrics) const {
  using Type = service::MetricFamily::Type;
  const std::lock_guard lock(mutex_);
  auto& requests = metrics.family("polycube_api_requests", Type::counter, "Requests that the API answered.");
  for (const auto& [what, count] : requests_)
    requests.add({{"method", what.first}, {"code", what.second}}, static_cast<double>(count));
  durations_.add_to(metrics.family("polycube_api_request_duration_seconds", Type::histogram,
                                   "How long that took, without the transport."),
                    {});
  metrics.family("polycube_api_connections", Type::gauge, "Clients that are connected.")
      .add({}, static_cast<double>(connections_));
}

}  // namespace polycube::api
