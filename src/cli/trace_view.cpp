// SPDX-License-Identifier: Apache-2.0
#include "cli/trace_view.h"

#include <fmt/format.h>

#include <cstdlib>

namespace polycube::cli {
namespace {

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// Numbers of 64 bits are strings in JSON (RFC 7951, 6.1).
std::string microseconds(const Json& object, const char* name) {
  const auto text = text_of(object, name);
  return text.empty() ? text : fmt::format("{:.1f} us", std::strtod(text.c_str(), nullptr) / 1000);
}

std::string ways(const Json& hop) {
  std::string text;
  if (!hop.contains("to") || !hop["to"].is_array()) return text;
  for (const auto& to : hop["to"]) {
    const auto port = text_of(to, "port");
    const auto peer = text_of(to, "peer");
    text += text.empty() ? " " : ", ";
    if (!port.empty()) text += "by " + port + (peer.empty() ? "" : " ");
    if (!peer.empty()) text += "to " + peer;
  }
  return text;
}

std::string where(const Json& hop) {
  const bool out = text_of(hop, "direction") == "egress";
  if (const auto device = text_of(hop, "device"); !device.empty())
    return fmt::format("{}{}", out ? "out of " : "", device);
  auto text = text_of(hop, "cube");
  if (text.empty()) text = "a cube that is gone";
  if (const auto service = text_of(hop, "service-name"); !service.empty()) text += " (" + service + ")";
  if (const auto slave = text_of(hop, "slave"); !slave.empty()) text += " slave " + slave;
  if (text_of(hop, "sent") == "true") return text + ", sent by its slow path";
  if (const auto port = text_of(hop, "port"); !port.empty())
    text += (out ? " out of port " : " on port ") + port;
  else if (out)
    text += " on the way out";
  return text;
}

std::string what(const Json& hop) {
  const auto verdict = text_of(hop, "verdict");
  const auto reason = text_of(hop, "reason");
  if (hop.contains("device")) return {};
  if (verdict == "leaves") return "leaves" + ways(hop);
  if (verdict == "copied") return "copies leave" + ways(hop);
  if (verdict == "host") return "to the host";
  if (verdict == "dropped") return "DROPPED: " + reason;
  if (verdict == "slow-path") return "to the slow path: " + reason;
  if (verdict == "jumps") return "goes on in another program";
  return "nothing more was told";
}

}  // namespace

std::string draw_path(const Json& packet) {
  std::string text;
  if (const auto number = text_of(packet, "number"); !number.empty()) text += number + "  ";
  if (const auto time = text_of(packet, "time"); !time.empty()) text += time + "  ";
  text += fmt::format("{}, {} bytes\n", text_of(packet, "summary"), text_of(packet, "length"));
  if (!packet.contains("hop") || !packet["hop"].is_array()) return text;
  for (const auto& hop : packet["hop"]) {
    const auto verdict = what(hop);
    const auto begin = microseconds(hop, "begin");  // of a simulation there is none
    text += (begin.empty() ? std::string() : fmt::format("{:>12}", begin)) + "  " + where(hop);
    if (!verdict.empty()) text += ": " + verdict;
    if (const auto duration = microseconds(hop, "duration"); !duration.empty()) text += " (" + duration + ")";
    text += '\n';
    if (hop.contains("change") && hop["change"].is_array())
      for (const auto& change : hop["change"])
        if (change.is_string()) text += fmt::format("{:>12}      {}\n", "", change.get<std::string>());
  }
  return text;
}

}  // namespace polycube::cli
