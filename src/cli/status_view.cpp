// SPDX-License-Identifier: Apache-2.0
#include "cli/status_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <utility>

#include "cli/format.h"
#include "cli/values.h"

namespace polycube::cli {
namespace {

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

const Json& list_in(const Json& object, const char* member) {
  static const Json none = Json::array();
  const auto found = object.find(member);
  return found != object.end() && found->is_array() ? *found : none;
}

/// "3 d 4 h", the two largest units that are not zero.
std::string duration_text(std::uint64_t seconds) {
  const std::uint64_t days = seconds / 86400;
  const std::uint64_t hours = seconds / 3600 % 24;
  const std::uint64_t minutes = seconds / 60 % 60;
  if (days > 0) return fmt::format("{} d {} h", days, hours);
  if (hours > 0) return fmt::format("{} h {} min", hours, minutes);
  return minutes > 0 ? fmt::format("{} min {} s", minutes, seconds % 60) : fmt::format("{} s", seconds);
}

std::string uptime_text(const std::string& started, double now) {
  std::tm parts{};
  if (::strptime(started.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return {};
  const double seconds = now - static_cast<double>(::timegm(&parts));
  return seconds < 0 ? std::string() : ", up " + duration_text(static_cast<std::uint64_t>(seconds));
}

std::string problems_text(const Json& problems) {
  if (problems.empty()) return "All is well.\n";
  std::string text =
      problems.size() == 1 ? "One thing is wrong:\n" : fmt::format("{} things are wrong:\n", problems.size());
  for (const auto& problem : problems)
    text += fmt::format("\n  {}\n    -> {}\n", printable(text_of(problem, "message")),
                        printable(text_of(problem, "advice")));
  return text;
}

}  // namespace

bool is_faulty(const Json& status) { return text_of(status, "condition") != "well"; }

std::string status_text(const Json& status, const std::string& version, double now) {
  std::string text = problems_text(list_in(status, "problem"));
  text += fmt::format("\npolycubed {}{}; cubes: {}; ports up: {} of {}; {}\n", version,
                      uptime_text(text_of(status, "started"), now), text_of(status, "cubes"),
                      text_of(status, "ports-up"), text_of(status, "ports"),
                      status.contains("revision") ? "saved revision: " + text_of(status, "revision")
                                                  : "nothing is saved (--transient)");
  if (const auto& drops = list_in(status, "drops"); !drops.empty()) {
    text += "\nPackets dropped since the cubes were made:\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& drop : drops)
      rows.push_back({text_of(drop, "cube"), text_of(drop, "reason"), text_of(drop, "packets")});
    text += table(rows, "  ");
  }
  if (const auto& faults = list_in(status, "fault"); !faults.empty()) {
    text += "\nLast faults:\n";
    for (auto fault = faults.rbegin(); fault != faults.rend(); ++fault)
      text += fmt::format("  {} {} {} {}: {}\n", text_of(*fault, "time"), text_of(*fault, "kind"),
                          text_of(*fault, "subject"), text_of(*fault, "state"), printable(text_of(*fault, "message")));
  }
  return text;
}

std::string event_text(const Json& notification) {
  std::string text = text_of(notification, "eventTime");
  std::string below;
  for (const auto& [name, leaves] : notification.items()) {
    if (!leaves.is_object()) continue;
    text += ' ' + printable(std::string(unprefixed(name)));
    for (const auto& [leaf, value] : leaves.items()) {
      const std::string content = value.is_string() ? value.get<std::string>() : value.dump();
      if (leaf != "changes") {
        text += fmt::format(" {}={}", printable(leaf), printable(content));
        continue;
      }
      for (std::size_t begin = 0; begin < content.size();) {
        const std::size_t end = std::min(content.find('\n', begin), content.size());
        below += "    " + printable(content.substr(begin, end - begin)) + '\n';
        begin = end + 1;
      }
    }
  }
  return text + '\n' + below;
}

std::vector<std::string> EventReader::read(std::string_view bytes) {
  std::vector<std::string> messages;
  for (const char c : bytes) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    if (line_.empty() && !data_.empty()) messages.push_back(std::exchange(data_, {}));
    if (line_.starts_with("data:")) data_ += line_.substr(line_.starts_with("data: ") ? 6 : 5);
    if (line_.starts_with(":")) comment_ = line_.substr(line_.starts_with(": ") ? 2 : 1);
    line_.clear();
  }
  return messages;
}

}  // namespace polycube::cli
