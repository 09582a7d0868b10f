// SPDX-License-Identifier: Apache-2.0
#include "engine/slow_path.h"

#include <polycube/abi.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/log.h"
#include "engine/tracer.h"

namespace polycube::engine {

std::optional<PacketIn> parse_packet_in(std::span<const std::byte> record) {
  pcn_packet_in head{};
  if (record.size() < sizeof(head)) return std::nullopt;
  std::memcpy(&head, record.data(), sizeof(head));
  if (head.length > record.size() - sizeof(head) || head.port >= PCN_MAX_PORTS) return std::nullopt;
  return PacketIn{
      .port = head.port,
      .direction = head.direction == PCN_EGRESS ? topology::Direction::egress : topology::Direction::ingress,
      .reason = head.reason,
      .traffic_class = head.traffic_class,
      .metadata = {head.metadata[0], head.metadata[1], head.metadata[2]},
      .trace = head.trace,
      .packet_length = head.packet_length,
      .packet = record.subspan(sizeof(head), head.length)};
}

Result<> Outlet::send(std::uint16_t port, Send how, std::span<const std::byte> packet,
                      std::uint32_t traffic_class) const {
  const bool out = port == topology::transparent_port(topology::Direction::egress);
  const std::uint16_t slot = how == Send::onward ? slots_.onward : out ? slots_.egress : slots_.in;
  const Injector::Packet one{
      .slot = slot, .port = port, .traffic_class = traffic_class, .trace = FollowedPacket::current(), .bytes = packet};
  return injector_->send(std::span(&one, 1));
}

namespace {

constexpr std::uint64_t stop_event = 0;
constexpr std::uint64_t timer_event = 1;

Result<> watch(int poll, int fd, std::uint64_t id) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) return fail_errno(errno, "cannot wait for packets");
  return {};
}

}  // namespace

Result<std::unique_ptr<SlowPath>> SlowPath::start() {
  std::unique_ptr<SlowPath> slow_path(new SlowPath);
  slow_path->poll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  slow_path->stop_ = Fd(eventfd(0, EFD_CLOEXEC));
  slow_path->timer_ = Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!slow_path->poll_ || !slow_path->stop_ || !slow_path->timer_) return fail_errno(errno, "cannot wait for packets");
  PCN_TRY(watch(slow_path->poll_.get(), slow_path->stop_.get(), stop_event));
  PCN_TRY(watch(slow_path->poll_.get(), slow_path->timer_.get(), timer_event));
  slow_path->thread_ = std::thread([self = slow_path.get()] { self->run(); });
  return slow_path;
}

SlowPath::~SlowPath() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

Result<SlowPath::Subscription> SlowPath::subscribe(const bpf::Map& ring, Handler handler, Gate gate) {
  Reader reader;
  reader.gate = std::move(gate);
  reader.record = [handler = std::move(handler)](std::span<const std::byte> record) {
    const auto packet = parse_packet_in(record);
    if (!packet) return;
    const FollowedPacket follow(packet->trace);
    handler(*packet);
  };
  return subscribe(ring, std::move(reader));
}

Result<SlowPath::Subscription> SlowPath::subscribe(const bpf::Map& ring, Reader reader) {
  auto listener = std::make_shared<Listener>();
  listener->reader = std::move(reader);
  PCN_ASSIGN(listener->ring, bpf::RingBuffer::open(ring, [listener = listener.get()](auto record) {
               if (!listener->ended) listener->reader.record(record);
             }));
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = next_id_++;
  PCN_TRY(watch(poll_.get(), listener->ring.poll_fd(), id));
  listeners_.emplace(id, std::move(listener));
  return Subscription(*this, id);
}

void SlowPath::end(std::uint64_t id) {
  std::shared_ptr<Listener> listener;
  {
    const std::lock_guard lock(mutex_);
    auto found = listeners_.find(id);
    if (found == listeners_.end()) return;
    listener = std::move(found->second);
    listeners_.erase(found);
    epoll_ctl(poll_.get(), EPOLL_CTL_DEL, listener->ring.poll_fd(), nullptr);
  }
  if (std::this_thread::get_id() == thread_.get_id()) {
    listener->ended = true;  // the rest of its round is dropped; serve() keeps it alive until then
    return;
  }
  const std::lock_guard wait_for_handler(listener->running);
  constexpr std::size_t whole_ring = 1 << 16;  // records; more may come meanwhile
  if (listener->reader.pause.count() > 0) (void)listener->ring.consume(whole_ring);
  listener->ended = true;
  listener->reader = {};  // what it refers to may go away now
}

std::shared_ptr<SlowPath::Listener> SlowPath::find(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  auto found = listeners_.find(id);
  return found == listeners_.end() ? nullptr : found->second;
}

void SlowPath::listen(const Listener& listener, std::uint64_t id, bool on) const {
  epoll_event event{};
  if (on) event.events = EPOLLIN;
  event.data.u64 = id;
  epoll_ctl(poll_.get(), EPOLL_CTL_MOD, listener.ring.poll_fd(), &event);  // fails when its subscription has ended
}

// Reads what a round may read. Returns after which time it is to be done again; nothing when the ring is to be waited for,
// which what is left makes readable at once, after the other rings have had their turn.
std::optional<SlowPath::Clock::duration> SlowPath::read(Listener& listener) {
  constexpr std::chrono::milliseconds until_it_opens{1};
  constexpr std::chrono::seconds until_it_works{1};
  const Reader& reader = listener.reader;
  std::unique_lock<std::recursive_mutex> gate;
  if (reader.gate) {
    gate = reader.gate();
    if (!gate) return until_it_opens;
  }
  const auto count = listener.ring.consume(budget);
  if (!count) log::error("slow path: {}", count.error().message);
  const bool more = reader.served();
  if (!count) return until_it_works;
  return reader.pause.count() > 0 && (more || *count > 0) ? std::optional(reader.pause) : std::nullopt;
}

void SlowPath::serve(std::uint64_t id) {
  const std::shared_ptr<Listener> listener = find(id);
  if (listener == nullptr) return;
  const std::lock_guard running(listener->running);
  if (listener->ended) return;
  const auto pause = read(*listener);
  if (!pause) return;
  listen(*listener, id, false);
  (void)schedule(*pause, [this, id] { return serve_again(id); });
}

// Again and again as long as read() wants it; then records are waited for.
std::optional<SlowPath::Clock::duration> SlowPath::serve_again(std::uint64_t id) {
  const std::shared_ptr<Listener> listener = find(id);
  if (listener == nullptr) return std::nullopt;
  const std::lock_guard running(listener->running);
  if (listener->ended) return std::nullopt;
  const auto pause = read(*listener);
  if (!pause) listen(*listener, id, true);
  return pause;
}

void SlowPath::read_now(std::uint64_t id) {
  const std::shared_ptr<Listener> listener = find(id);
  if (listener == nullptr) return;
  const std::lock_guard running(listener->running);
  if (listener->ended) return;
  constexpr std::size_t whole_ring = PCN_CONTROLLER_RING / 256;  // packets; more may come meanwhile
  if (auto done = listener->ring.consume(whole_ring); !done) log::error("slow path: {}", done.error().message);
}

SlowPath::WorkId SlowPath::schedule(Clock::duration delay, Work work) {
  const std::lock_guard lock(mutex_);
  const WorkId id = next_id_++;
  works_.emplace(id, std::make_shared<Work>(std::move(work)));
  due_.emplace(Clock::now() + delay, id);
  arm();
  return id;
}

void SlowPath::cancel(WorkId id) {
  std::shared_ptr<Work> last;  // what it holds goes away without the lock
  const std::lock_guard lock(mutex_);
  auto found = works_.find(id);
  if (found == works_.end()) return;
  last = std::move(found->second);
  works_.erase(found);
  std::erase_if(due_, [&](const auto& entry) { return entry.second == id; });
}

// The timer expires when the first is due, at once if that is past. Called with the lock.
void SlowPath::arm() {
  itimerspec when{};  // zero: never
  if (!due_.empty()) {
    const auto since_boot = std::max(due_.begin()->first.time_since_epoch(), Clock::duration(1));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

// Does what is due now; what becomes due meanwhile waits until the rings have had their turn.
void SlowPath::work() {
  struct Due {
    Clock::time_point at;
    WorkId id;
    std::shared_ptr<Work> work;
  };
  std::vector<Due> round;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    while (!due_.empty() && due_.begin()->first <= now && round.size() < budget) {
      const auto [at, id] = due_.extract(due_.begin()).value();
      round.push_back({at, id, works_.at(id)});
    }
  }
  std::vector<std::pair<Clock::time_point, WorkId>> again;
  std::vector<WorkId> done;
  for (const Due& due : round) {
    const bool cancelled = [&] {
      const std::lock_guard lock(mutex_);
      return !works_.contains(due.id);
    }();
    if (cancelled) continue;
    if (const auto delay = (*due.work)())
      again.emplace_back(std::max(due.at + *delay, Clock::now()), due.id);
    else
      done.push_back(due.id);
  }
  for (WorkId id : done) cancel(id);
  const std::lock_guard lock(mutex_);
  for (const auto& [at, id] : again)
    if (works_.contains(id)) due_.emplace(at, id);
  arm();
}

void SlowPath::run() {
  std::array<epoll_event, 64> events{};
  while (true) {
    const int count = epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) {
      log::error("slow path: cannot wait for packets: {}", std::strerror(errno));
      return;
    }
    for (int i = 0; i < count; i++) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == stop_event) return;
      if (id == timer_event)
        work();
      else
        serve(id);
    }
  }
}

}  // namespace polycube::engine
