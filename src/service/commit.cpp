// SPDX-License-Identifier: Apache-2.0
#include "service/commit.h"

#include <fmt/format.h>

#include "model/document.h"

namespace polycube::service {

namespace {

constexpr std::size_t shown_lines = 100;
constexpr std::size_t shown_bytes = 1000;  // of a line

std::string chain_text(const std::vector<std::string>& chain) { return fmt::format("[{}]", fmt::join(chain, ", ")); }

// Not in the middle of a character.
std::string beginning_of(const std::string& line) {
  if (line.size() <= shown_bytes) return line;
  std::size_t end = shown_bytes;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) end--;
  return line.substr(0, end) + " ...";
}

}  // namespace

std::vector<std::string> describe(const ChainChanges& changes) {
  std::vector<std::string> lines;
  for (const auto& [parent, sides] : changes)
    lines.push_back(fmt::format("rewire {}: transparent cubes {} -> {}", parent, chain_text(sides.first),
                                chain_text(sides.second)));
  return lines;
}

std::vector<std::string> describe_access(const control::Changes& changes) {
  auto lines = model::describe(model::access_id, changes);
  if (lines.empty()) lines.push_back(fmt::format("reorder {} {}", model::access_id.service, model::access_id.name));
  return lines;
}

std::vector<std::string> describe(const Commit& commit) {
  std::vector<std::string> lines;
  for (const auto& [id, changes] : commit.changes) {
    const auto described =
        id == model::access_id ? describe_access(model::difference(changes)) : model::describe(id, changes);
    lines.insert(lines.end(), described.begin(), described.end());
  }
  const auto rewired = describe(commit.chains);
  lines.insert(lines.end(), rewired.begin(), rewired.end());
  return lines;
}

std::string shown_text(const std::vector<std::string>& lines) {
  std::string text;
  std::size_t shown = 0;
  for (; shown < lines.size() && shown < shown_lines; shown++)
    text += (shown == 0 ? "" : "\n") + beginning_of(lines[shown]);
  if (lines.size() > shown) text += fmt::format("\n... and {} more", lines.size() - shown);
  return text;
}

}  // namespace polycube::service
