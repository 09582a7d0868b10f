// SPDX-License-Identifier: Apache-2.0
/// Metrics as text.
/// Why one printer: the two formats differ in the names of counters and in what ends them. prometheus-cpp, which could print
/// the older of them, would be a second model of metrics beside service::MetricFamily, and leave the newer one to us.
/// Threading: pure functions.
/// Source: Prometheus text exposition format 0.0.4; OpenMetrics 1.0.0.
#pragma once

#include <string>

#include "api/http.h"
#include "service/metrics.h"

namespace polycube::api {

enum class Exposition { prometheus, openmetrics };

inline constexpr const char* prometheus_type = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr const char* openmetrics_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// OpenMetrics for those that ask for it by name, and do not prefer the other.
[[nodiscard]] Exposition choose_exposition(const Headers& headers);

[[nodiscard]] std::string print_metrics(const service::Metrics& metrics, Exposition format);

/// The metrics that services declare, in the form of the original Polycube: under the names of the models, summed up for each
/// cube, which is the label cubeName.
[[nodiscard]] std::string print_declared_metrics(const service::Metrics& metrics);

}  // namespace polycube::api
