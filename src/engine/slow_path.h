// SPDX-License-Identifier: Apache-2.0
/// Packets from fast paths to their slow paths, and back; and the lines that fast paths log.
/// Why: what eBPF cannot do is done in user space, without one cube's packets disturbing another's: each cube has rings of
/// its own, and the rings are served in turn, a budget each.
/// Invariants: everything about a packet travels with it. A cube whose slow path does not keep up loses its own packets,
/// counted as slow-path-full by its fast path. Work that was scheduled runs among the rings, at most once in a round. The
/// thread waits for no lock of a cube: a ring whose gate is shut waits, and the others do not.
/// Threading: handlers and scheduled work run on the one thread of this class, never two of them at a time. Everything
/// else from any thread.
/// Source: A Framework for eBPF-Based Network Functions in an Era of Microservices, IV (packet_in, send_packet_out).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "bpf/ring_buffer.h"
#include "engine/injector.h"
#include "topology/wiring.h"

namespace polycube::engine {

struct PacketIn {
  std::uint16_t port = 0;  ///< index of the input port, or of that by which it was to leave
  topology::Direction direction = topology::Direction::ingress;
  std::uint16_t reason = 0;
  std::uint32_t traffic_class = 0;
  std::array<std::uint32_t, 3> metadata{};
  std::uint16_t trace = 0;            ///< number of a packet that is followed, else 0
  std::uint32_t packet_length = 0;    ///< on the wire; more than packet.size() when it was cut
  std::span<const std::byte> packet;  ///< from the Ethernet header on; valid during the call
};

/// What a record holds; nothing when it is none.
[[nodiscard]] std::optional<PacketIn> parse_packet_in(std::span<const std::byte> record);

/// What the slow path of a cube does with a packet.
enum class Send {
  in,  ///< it is handled as if it had come to the cube: by handle_rx, or by handle_tx if it is of a transparent cube
       ///< and on its way out
  onward,  ///< it leaves the cube: by the port or, of a transparent cube, in the direction
};

/// Where the slow path of one cube sends its packets.
class Outlet {
 public:
  struct Slots {
    std::uint16_t in;      ///< handle_rx
    std::uint16_t egress;  ///< handle_tx of a transparent cube, else as `in`
    std::uint16_t onward;
  };
  Outlet(const Injector& injector, const Slots& slots) : injector_(&injector), slots_(slots) {}

  /// `port`: index, or transparent_port(). Errors: as Injector::send.
  [[nodiscard]] Result<> send(std::uint16_t port, Send how, std::span<const std::byte> packet,
                              std::uint32_t traffic_class = 0) const;

 private:
  const Injector* injector_;
  Slots slots_;
};

class SlowPath {
 public:
  using Handler = std::function<void(const PacketIn&)>;
  using Clock = std::chrono::steady_clock;
  /// What a reader needs while its ring is served. Without the lock, which it must not wait for, nothing is read: what is in
  /// the ring stays there, in order, and what finds no room meanwhile is the fast path's loss.
  using Gate = std::function<std::unique_lock<std::recursive_mutex>()>;

  /// What becomes of the records in a ring. Nothing here may throw.
  struct Reader {
    std::function<void(std::span<const std::byte>)> record;
    Gate gate = {};  ///< none: always open
    /// A ring whose records can wait is served at most this often, so that a flood of them costs little: what finds no room
    /// meanwhile is the fast path's loss.
    Clock::duration pause{0};
    /// Called when the ring was served, after a pause also without records as long as it returns true.
    std::function<bool()> served = [] { return false; };
  };

  /// Ends the delivery: after its destruction the handler is not called again, and not running, unless it is the handler
  /// itself that destroys it.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept { *this = std::move(other); }
    Subscription& operator=(Subscription&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(id_, other.id_);
      return *this;
    }
    ~Subscription() {
      if (owner_ != nullptr) owner_->end(id_);
    }
    /// Reads the packets that are in the ring now, on this thread, which holds what the gate asks for.
    void read_now() const {
      if (owner_ != nullptr) owner_->read_now(id_);
    }

   private:
    friend class SlowPath;
    Subscription(SlowPath& owner, std::uint64_t id) : owner_(&owner), id_(id) {}
    SlowPath* owner_ = nullptr;
    std::uint64_t id_ = 0;
  };

  [[nodiscard]] static Result<std::unique_ptr<SlowPath>> start();
  ~SlowPath();
  SlowPath(const SlowPath&) = delete;
  SlowPath& operator=(const SlowPath&) = delete;

  /// Calls `handler` for each packet in a cube's ring, those included that are there already. The handler must not throw.
  [[nodiscard]] Result<Subscription> subscribe(const bpf::Map& ring, Handler handler, Gate gate = {});
  /// The same for records of any kind. Of a reader with a pause all that is in the ring is read at the end.
  [[nodiscard]] Result<Subscription> subscribe(const bpf::Map& ring, Reader reader);

  /// What is to be done when its time has come; returns how long after that time it is to be done again. It must not throw.
  using Work = std::function<std::optional<Clock::duration>()>;
  using WorkId = std::uint64_t;
  [[nodiscard]] WorkId schedule(Clock::duration delay, Work work);
  /// Does not wait for work that is being done: who needs that, has a lock that the work takes.
  void cancel(WorkId id);

  /// Packets of one cube, and pieces of work, before it is the next one's turn.
  static constexpr std::size_t budget = 64;

 private:
  SlowPath() = default;
  void run();
  struct Listener;
  void serve(std::uint64_t id);
  [[nodiscard]] std::optional<Clock::duration> serve_again(std::uint64_t id);
  [[nodiscard]] static std::optional<Clock::duration> read(Listener& listener);
  void listen(const Listener& listener, std::uint64_t id, bool on) const;
  [[nodiscard]] std::shared_ptr<Listener> find(std::uint64_t id);
  void read_now(std::uint64_t id);
  void end(std::uint64_t id);
  void work();
  void arm();

  struct Listener {
    std::mutex running;
    bool ended = false;
    Reader reader;
    bpf::RingBuffer ring;
  };
  Fd poll_;
  Fd stop_;
  Fd timer_;
  std::mutex mutex_;  ///< guards listeners_, works_ and due_
  std::map<std::uint64_t, std::shared_ptr<Listener>> listeners_;
  std::map<WorkId, std::shared_ptr<Work>> works_;
  std::set<std::pair<Clock::time_point, WorkId>> due_;  ///< of those that are not being done
  std::uint64_t next_id_ = 2;                           ///< 0 is the stop event, 1 the timer
  std::thread thread_;
};

}  // namespace polycube::engine
