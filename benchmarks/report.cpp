// SPDX-License-Identifier: Apache-2.0
#include "report.h"

namespace polycube::bench {

void Report::failed(const Error& error) {
  add({.what = "not measured",
       .figure = error.message,
       .reference = {},
       .ratio = {},
       .bar = {},
       .met = false,
       .details = {}});
}

bool Report::all_met() const {
  for (const Section& section : sections_)
    for (const Row& row : section.rows)
      if (row.met == false) return false;
  return true;
}

std::string Report::last_section() const {
  const Section& section = sections_.back();
  std::string text =
      fmt::format("### {}\n\n| what | ours | reference | ratio or difference | bar | |\n|---|---|---|---|---|---|\n",
                  section.title);
  for (const Row& row : section.rows)
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.what, row.figure, row.reference, row.ratio, row.bar,
                        !row.met   ? ""
                        : *row.met ? "met"
                                   : "**missed**");
  return text;
}

nlohmann::json Report::json() const {
  nlohmann::json sections = nlohmann::json::array();
  for (const Section& section : sections_) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Row& row : section.rows) {
      nlohmann::json entry = {{"what", row.what},   {"figure", row.figure}, {"reference", row.reference},
                              {"ratio", row.ratio}, {"bar", row.bar},       {"details", row.details}};
      if (row.met) entry["met"] = *row.met;
      rows.push_back(std::move(entry));
    }
    sections.push_back({{"title", section.title}, {"rows", std::move(rows)}});
  }
  return {{"sections", std::move(sections)}};
}

std::string median_and_minimum(const Samples& samples, std::string_view unit, int digits) {
  return fmt::format("{:.{}f} {} ({:.{}f})", samples.median(), digits, unit, samples.minimum(), digits);
}

std::string ratio_text(const Samples& samples) {
  return fmt::format("{:.3f} ({:.2f}..{:.2f})", samples.median(), samples.percentile(25), samples.percentile(75));
}

nlohmann::json to_json(const Samples& samples) { return samples.values(); }

}  // namespace polycube::bench
