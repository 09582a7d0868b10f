// SPDX-License-Identifier: Apache-2.0
#include "api/exposition.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <map>

#include "api/media_type.h"

namespace polycube::api {

namespace {

using service::MetricFamily;
using Type = MetricFamily::Type;

std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\\\";
    else if (c == '\n')
      result += "\\n";
    else if (c == '"' && quotes)
      result += "\\\"";
    else
      result += c;
  }
  return result;
}

std::string number(double value) {
  constexpr double exact = 9007199254740992.0;  // 2^53: up to there all integers are doubles
  if (std::isfinite(value) && value == std::floor(value) && std::abs(value) <= exact)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return std::isfinite(value) ? fmt::format("{}", value) : value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN";
}

/// What all samples of a family have behind its name.
std::string_view suffix_of(Type type) {
  switch (type) {
    case Type::counter: return "_total";
    case Type::info: return "_info";
    default: return "";
  }
}

std::string_view type_name(Type type, Exposition format) {
  switch (type) {
    case Type::counter: return "counter";
    case Type::histogram: return "histogram";
    case Type::info: return format == Exposition::openmetrics ? "info" : "gauge";
    case Type::gauge: break;
  }
  return "gauge";
}

/// The unit that a name ends with, of those that OpenMetrics has.
std::string_view unit_of(std::string_view name) {
  for (const std::string_view unit : {"seconds", "bytes"})
    if (name.ends_with(unit) && name.size() > unit.size() && name[name.size() - unit.size() - 1] == '_') return unit;
  return "";
}

void print_sample(std::string& text, const std::string& name, const service::Labels& labels, double value) {
  text += name;
  const char* before = "{";
  for (const auto& [label, content] : labels) {
    fmt::format_to(std::back_inserter(text), "{}{}=\"{}\"", before, label, escaped(content, true));
    before = ",";
  }
  if (!labels.empty()) text += '}';
  fmt::format_to(std::back_inserter(text), " {}\n", number(value));
}

}  // namespace

Exposition choose_exposition(const Headers& headers) {
  const double open = acceptance(headers, "application/openmetrics-text");
  const bool named = find_header(headers, "Accept").value_or("").find("openmetrics-text") != std::string::npos;
  return named && open > 0 && open >= acceptance(headers, "text/plain") ? Exposition::openmetrics
                                                                        : Exposition::prometheus;
}

std::string print_metrics(const service::Metrics& metrics, Exposition format) {
  const bool open = format == Exposition::openmetrics;
  std::string text;
  for (const MetricFamily& family : metrics.families()) {
    if (family.samples.empty()) continue;
    const std::string full = family.name + std::string(suffix_of(family.type));
    const std::string& described = open ? family.name : full;
    fmt::format_to(std::back_inserter(text), "# HELP {} {}\n", described, escaped(family.help, open));
    fmt::format_to(std::back_inserter(text), "# TYPE {} {}\n", described, type_name(family.type, format));
    if (const auto unit = unit_of(family.name); open && !unit.empty())
      fmt::format_to(std::back_inserter(text), "# UNIT {} {}\n", described, unit);
    for (const MetricFamily::Sample& sample : family.samples)
      print_sample(text, full + sample.suffix, sample.labels, sample.value);
  }
  if (open) text += "# EOF\n";
  return text;
}

std::string print_declared_metrics(const service::Metrics& metrics) {
  std::string text;
  for (const MetricFamily& family : metrics.families()) {
    if (family.declared.empty()) continue;
    std::map<std::string, double> sums;
    for (const MetricFamily::Sample& sample : family.samples)
      for (const auto& [label, content] : sample.labels)
        if (label == "cube") sums[content] += sample.value;
    if (sums.empty()) continue;
    fmt::format_to(std::back_inserter(text), "# HELP {} {}\n", family.declared, escaped(family.help, false));
    fmt::format_to(std::back_inserter(text), "# TYPE {} {}\n", family.declared,
                   type_name(family.type, Exposition::prometheus));
    for (const auto& [cube, sum] : sums) print_sample(text, family.declared, {{"cubeName", cube}}, sum);
  }
  return text;
}

}  // namespace polycube::api
