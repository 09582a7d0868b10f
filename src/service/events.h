// SPDX-License-Identifier: Apache-2.0
/// What happens, for those who follow it: the notifications of module polycube, in order.
/// Why: whoever publishes holds the controller's lock, and must wait for nobody: each subscriber has a queue with an end.
/// Invariants: a subscriber gets all events since it subscribed, in order, or is told that its stream ended.
/// Threading: safe from every thread; publish() never waits for a subscriber.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace polycube::service {

struct Event {
  std::string name;                                         ///< of the notification
  std::vector<std::pair<std::string, std::string>> leaves;  ///< in the order of the model
  std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
};

/// As yang:date-and-time has it.
[[nodiscard]] std::string date_and_time(std::chrono::system_clock::time_point time);

/// Who follows events; by default the daemon itself.
struct EventsOwner {
  std::string user = {};
  bool root = true;
  bool operator==(const EventsOwner&) const = default;
};

class Events {
 public:
  static constexpr std::size_t max_subscribers = 32;  ///< of which one is root's
  static constexpr std::size_t max_of_one_user = 8;
  static constexpr std::size_t max_waiting = 1000;  ///< events of one subscriber

  /// Whether a subscriber gets an event of this name; asked for each of them, by who publishes it.
  using Filter = std::function<bool(const std::string& name)>;

  class Subscription {
   public:
    enum class State { open, overrun, closed };
    /// Readable when there is something to take() or the state has changed.
    [[nodiscard]] int fd() const { return ready_.get(); }
    /// The next event; null when there is none now.
    [[nodiscard]] std::shared_ptr<const Event> take();
    /// Of a stream that is not open, what is left can still be taken, unless it was overrun: its owner was too slow.
    [[nodiscard]] State state() const;

   private:
    friend class Events;
    Subscription(Fd ready, Filter filter, EventsOwner owner)
        : ready_(std::move(ready)), filter_(std::move(filter)), owner_(std::move(owner)) {}
    void put(const std::shared_ptr<const Event>& event);
    void end(State state);

    const Fd ready_;  ///< eventfd
    const Filter filter_;
    const EventsOwner owner_;
    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<const Event>> waiting_;  ///< with other subscribers
    State state_ = State::open;
  };

  void publish(Event event);
  /// The subscription ends when nobody else holds it. Errors: limit_exceeded, system.
  [[nodiscard]] Result<std::shared_ptr<Subscription>> subscribe(Filter filter = {}, const EventsOwner& owner = {});
  /// Whether there is a subscriber.
  [[nodiscard]] bool watched() const;
  /// Ends all subscriptions; there are no new ones from then on.
  void close();

 private:
  mutable std::mutex mutex_;
  std::list<std::weak_ptr<Subscription>> subscribers_;
  bool closed_ = false;
};

}  // namespace polycube::service
