// SPDX-License-Identifier: Apache-2.0
/// Events as a stream of server-sent events.
/// Threading: one thread.
/// Source: RFC 8040, 6; the HTML standard, "Server-sent events".
#pragma once

#include <memory>
#include <string>

#include "api/http.h"
#include "service/events.h"

namespace polycube::api {

/// The message of an event: one line "data: {"ietf-restconf:notification":{...}}" and an empty one.
[[nodiscard]] std::string event_message(const service::Event& event);

class EventStream final : public EndlessBody {
 public:
  explicit EventStream(std::shared_ptr<service::Events::Subscription> events) : events_(std::move(events)) {}
  [[nodiscard]] int fd() const override { return events_->fd(); }
  [[nodiscard]] std::optional<std::string> next() override;

 private:
  std::shared_ptr<service::Events::Subscription> events_;
  bool begun_ = false;
  bool over_ = false;
};

}  // namespace polycube::api
