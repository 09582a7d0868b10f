// SPDX-License-Identifier: Apache-2.0
#include "api/event_stream.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace polycube::api {

std::string event_message(const service::Event& event) {
  using json = nlohmann::ordered_json;
  json leaves = json::object();
  for (const auto& [name, value] : event.leaves) leaves[name] = value;  // also numbers of 64 bits are text (RFC 7951)
  const json message = {{"ietf-restconf:notification",
                         {{"eventTime", service::date_and_time(event.time)}, {"polycube:" + event.name, leaves}}}};
  return "data: " + message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n\n";
}

std::optional<std::string> EventStream::next() {
  using State = service::Events::Subscription::State;
  if (over_) return std::nullopt;
  if (!std::exchange(begun_, true)) return ": events from now on\n\n";
  if (const auto event = events_->take()) return event_message(*event);
  switch (events_->state()) {
    case State::open: return std::string();
    case State::overrun: over_ = true; return ": cut off: events came faster than they were taken; connect again\n\n";
    case State::closed: break;
  }
  over_ = true;
  return ": the daemon stops\n\n";
}

}  // namespace polycube::api
