// SPDX-License-Identifier: Apache-2.0
#include "service/events.h"

#include <fmt/chrono.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace polycube::service {

std::string date_and_time(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto fraction = std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     fraction);
}

std::shared_ptr<const Event> Events::Subscription::take() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    std::uint64_t count = 0;
    if (state_ != State::open) return nullptr;  // what ended stays readable
    [[maybe_unused]] const auto got = ::read(ready_.get(), &count, sizeof(count));
    return nullptr;
  }
  auto event = std::move(waiting_.front());
  waiting_.pop_front();
  return event;
}

Events::Subscription::State Events::Subscription::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Events::Subscription::put(const std::shared_ptr<const Event>& event) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open) return;
    if (waiting_.size() < max_waiting) {
      waiting_.push_back(event);
    } else {
      waiting_.clear();
      state_ = State::overrun;
    }
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(ready_.get(), &one, sizeof(one));
}

void Events::Subscription::end(State state) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open) return;
    state_ = state;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(ready_.get(), &one, sizeof(one));
}

void Events::publish(Event event) {
  const auto shared = std::make_shared<const Event>(std::move(event));
  const std::lock_guard lock(mutex_);
  std::erase_if(subscribers_, [&](const auto& known) {
    const auto subscriber = known.lock();
    if (subscriber && (!subscriber->filter_ || subscriber->filter_(shared->name))) subscriber->put(shared);
    return !subscriber;
  });
}

Result<std::shared_ptr<Events::Subscription>> Events::subscribe(Filter filter, const EventsOwner& owner) {
  Fd ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ready) return fail_errno(errno, "eventfd");
  const std::lock_guard lock(mutex_);
  if (closed_) return fail(ErrorCode::system, "the daemon is stopping");
  std::erase_if(subscribers_, [](const auto& known) { return known.expired(); });
  if (subscribers_.size() >= max_subscribers - (owner.root ? 0 : 1))
    return fail(ErrorCode::limit_exceeded, "{} clients follow the events already", subscribers_.size());
  const auto own = std::count_if(subscribers_.begin(), subscribers_.end(), [&](const auto& known) {
    const auto subscriber = known.lock();
    return subscriber && subscriber->owner_ == owner;
  });
  if (!owner.root && own >= std::ptrdiff_t{max_of_one_user})
    return fail(ErrorCode::limit_exceeded, "{} follows the events {} times already", owner.user, own);
  std::shared_ptr<Subscription> made(new Subscription(std::move(ready), std::move(filter), owner));
  subscribers_.push_back(made);
  return made;
}

bool Events::watched() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(subscribers_.begin(), subscribers_.end(), [](const auto& known) { return !known.expired(); });
}

void Events::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& known : subscribers_)
    if (const auto subscriber = known.lock()) subscriber->end(Subscription::State::closed);
}

}  // namespace polycube::service
