// SPDX-License-Identifier: Apache-2.0
/// One end of a stream: what is still to be sent, and which calls wait for their Reply.
/// Why: whoever calls may hold locks, so nobody but the writing thread ever waits for the network, and a call ends by its
/// deadline.
/// Invariants: messages leave in the order in which they were posted, packets among themselves, too: whatever else there is
/// overtakes them, so that a flood of packets holds up no call. Once closed it stays so: all calls fail at once. What waits
/// to be sent is bounded; beyond that, packets are lost first.
/// Threading: safe from every thread; drain() by one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "remote/message.h"

namespace polycube::remote {

template <typename Message>
class Outbox {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Loss { never, when_full };  ///< when_full: a packet

  /// `cancel` ends the stream at once; called once at most, with the lock held.
  explicit Outbox(std::function<void()> cancel) : cancel_(std::move(cancel)) {}

  /// Sends what wants no answer. False: it is lost.
  bool post(Message message, Loss loss = Loss::never) {
    const std::lock_guard lock(mutex_);
    return append(std::move(message), loss);
  }

  /// Sends a call and waits for its answer. Errors: the answer's; system when the stream is closed, also by this call,
  /// whose answer did not come in time.
  [[nodiscard]] Result<pb::Reply> call(Message message, std::optional<Clock::duration> deadline) {
    std::unique_lock lock(mutex_);
    const std::uint64_t id = ++last_id_;
    message.set_id(id);
    if (!append(std::move(message), Loss::never)) return closed_error();
    const auto waiting = waiting_.emplace(id, std::nullopt).first;
    const auto arrived = [&] { return waiting->second || closed_; };
    if (!deadline) {
      changed_.wait(lock, arrived);
    } else if (!changed_.wait_for(lock, *deadline, arrived)) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*deadline).count();
      abort_now(fmt::format("it did not answer within {} s", seconds));
    }
    std::optional<pb::Reply> reply = std::move(waiting->second);
    waiting_.erase(waiting);
    if (!reply) return closed_error();
    PCN_TRY(check(*reply));
    return std::move(*reply);
  }

  /// Hands a Reply to the call that waits for it. False: none does.
  bool resolve(std::uint64_t id, pb::Reply reply) {
    const std::lock_guard lock(mutex_);
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end() || waiting->second) return false;
    waiting->second = std::move(reply);
    changed_.notify_all();
    return true;
  }

  /// No more is posted; what is, is still sent. Only the first reason counts.
  void close(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    close_now(reason);
  }
  /// Closes it and ends the stream.
  void abort(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    abort_now(reason);
  }

  /// Whether more packets should come; those of a round of the slow path that has begun find room in any case.
  [[nodiscard]] bool has_room() const {
    const std::lock_guard lock(mutex_);
    return packet_bytes_ <= many;
  }

  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

  /// Calls write(message) -> bool for all that is posted, until it is closed or returns false.
  template <typename Write>
  void drain(const Write& write) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return closed_ || !queue_.empty() || !packets_.empty(); });
      std::deque<Message>& next = queue_.empty() ? packets_ : queue_;
      if (next.empty()) return;
      const Message message = std::move(next.front());
      const std::size_t size = message.ByteSizeLong();
      queued_ -= size;
      if (&next == &packets_) packet_bytes_ -= size;
      next.pop_front();
      lock.unlock();
      const bool written = write(message);
      lock.lock();
      if (written) continue;
      close_now("the connection broke");
      clear();
      return;
    }
  }

 private:
  static constexpr std::size_t many = std::size_t{4} << 20;  ///< of packets: no more should come
  static constexpr std::size_t most = 3 * many;              ///< of packets; a round yields less than 2 * many
  static constexpr std::size_t too_many = std::size_t{2} * max_message;  ///< of all

  bool append(Message message, Loss loss) {
    if (closed_) return false;
    const std::size_t size = message.ByteSizeLong();
    const bool is_packet = loss == Loss::when_full;
    if (is_packet && packet_bytes_ + size > most) return false;
    if (queued_ + size > too_many) {
      abort_now("it does not take what is sent to it");
      return false;
    }
    queued_ += size;
    if (is_packet) packet_bytes_ += size;
    (is_packet ? packets_ : queue_).push_back(std::move(message));
    changed_.notify_all();
    return true;
  }

  void close_now(const std::string& reason) {
    if (closed_) return;
    closed_ = true;
    reason_ = reason;
    changed_.notify_all();
  }

  void abort_now(const std::string& reason) {
    if (closed_) return;
    close_now(reason);
    clear();
    cancel_();
  }

  void clear() {
    queue_.clear();
    packets_.clear();
  }

  [[nodiscard]] tl::unexpected<Error> closed_error() const {
    return fail(ErrorCode::system, "there is no connection: {}", reason_);
  }

  std::function<void()> cancel_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> queue_;
  std::deque<Message> packets_;
  std::size_t queued_ = 0;        ///< bytes of all
  std::size_t packet_bytes_ = 0;  ///< of packets
  std::map<std::uint64_t, std::optional<pb::Reply>> waiting_;
  std::uint64_t last_id_ = 0;
  bool closed_ = false;
  std::string reason_;
};

}  // namespace polycube::remote
