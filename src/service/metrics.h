// SPDX-License-Identifier: Apache-2.0
/// What is measured, as values: families of metrics with their samples.
/// Why: collecting is kept apart from printing, for which there are two formats.
/// Invariants: a family's name has no suffix of its type: `_total`, `_bucket`, `_info` are added when it is printed. Labels of
/// a family's samples differ. A counter never goes down while what its labels name lives.
/// Threading: plain values.
/// Units: base units (seconds, bytes), which the names end with.
/// Source: OpenMetrics 1.0.0; Prometheus text exposition format 0.0.4.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace polycube::service {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct MetricFamily {
  enum class Type { counter, gauge, histogram, info };
  struct Sample {
    std::string suffix;  ///< of the name, of histograms ("_sum")
    Labels labels;
    double value = 0;
  };
  std::string name;
  std::string help;
  Type type = Type::gauge;
  std::string declared;  ///< name in the model of a service; empty of the framework's own
  std::vector<Sample> samples;

  void add(Labels labels, double value) { samples.push_back({{}, std::move(labels), value}); }
};

class Metrics {
 public:
  using Type = MetricFamily::Type;
  /// The family of this name, which is made at its first use.
  MetricFamily& family(const std::string& name, Type type, const std::string& help, const std::string& declared = {});

  [[nodiscard]] const std::vector<MetricFamily>& families() const { return families_; }

 private:
  std::vector<MetricFamily> families_;  ///< in the order of their first use
};

/// How long things took.
class Histogram {
 public:
  void observe(double seconds);
  void add_to(MetricFamily& family, const Labels& labels) const;
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  static constexpr std::array<double, 8> bounds{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10};  ///< seconds
  std::array<std::uint64_t, bounds.size()> at_most_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

/// Transactions of a controller.
struct CommitCounts {
  Histogram durations;  ///< of those that were done
  std::uint64_t failed = 0;
  std::chrono::system_clock::time_point last;  ///< when one was done

  /// `begin`: when the request was taken up.
  void done(std::chrono::steady_clock::time_point begin);
};

/// Of this process: CPU time, memory, files, threads, since when it runs.
void add_process(Metrics& metrics);

}  // namespace polycube::service
