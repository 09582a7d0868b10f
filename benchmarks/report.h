// SPDX-License-Identifier: Apache-2.0
/// What was measured, as a Markdown table and as JSON.
/// Invariants: a row with a bar says whether it was met; a row that could not be measured says why and misses its bar.
/// Threading: plain values.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "statistics.h"

namespace polycube::bench {

struct Row {
  std::string what;
  std::string figure;     ///< ours
  std::string reference;  ///< what it is compared with, measured in the same run
  std::string ratio;      ///< or difference
  std::string bar;
  std::optional<bool> met;
  nlohmann::json details;  ///< the samples behind it
};

class Report {
 public:
  void section(std::string title) { sections_.push_back({std::move(title), {}}); }
  void add(Row row) { sections_.back().rows.push_back(std::move(row)); }
  /// A group of rows that could not be measured.
  void failed(const Error& error);

  [[nodiscard]] bool all_met() const;
  /// The rows of the last section only, for printing as they come.
  [[nodiscard]] std::string last_section() const;
  [[nodiscard]] nlohmann::json json() const;

 private:
  struct Section {
    std::string title;
    std::vector<Row> rows;
  };
  std::vector<Section> sections_;
};

/// "12.3 ns (11.9)": median and, in brackets, minimum.
[[nodiscard]] std::string median_and_minimum(const Samples& samples, std::string_view unit, int digits = 1);
/// "0.991 (0.96..1.02)": median and the middle half.
[[nodiscard]] std::string ratio_text(const Samples& samples);
[[nodiscard]] nlohmann::json to_json(const Samples& samples);

}  // namespace polycube::bench
