// SPDX-License-Identifier: Apache-2.0
#include "engine/slow_path.h"

#include <polycube/abi.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

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
      .packet_length = head.packet_length,
      .packet = record.subspan(sizeof(head), head.length)};
}

Result<> Outlet::send(std::uint16_t port, Send how, std::span<const std::byte> packet,
                      std::uint32_t traffic_class) const {
  const bool out = port == topology::transparent_port(topology::Direction::egress);
  const std::uint16_t slot = how == Send::onward ? slots_.onward : out ? slots_.egress : slots_.in;
  const Injector::Packet one{.slot = slot, .port = port, .traffic_class = traffic_class, .bytes = packet};
  return injector_->send(std::span(&one, 1));
}

namespace {

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
  if (!slow_path->poll_ || !slow_path->stop_) return fail_errno(errno, "cannot wait for packets");
  PCN_TRY(watch(slow_path->poll_.get(), slow_path->stop_.get(), 0));
  slow_path->thread_ = std::thread([self = slow_path.get()] { self->run(); });
  return slow_path;
}

SlowPath::~SlowPath() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

Result<SlowPath::Subscription> SlowPath::subscribe(const bpf::Map& ring, Handler handler) {
  auto listener = std::make_shared<Listener>();
  PCN_ASSIGN(listener->ring,
             bpf::RingBuffer::open(ring, [handler = std::move(handler), listener = listener.get()](auto record) {
               if (listener->ended) return;
               if (auto packet = parse_packet_in(record)) handler(*packet);
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
  listener->ended = true;
}

void SlowPath::serve(std::uint64_t id) {
  std::shared_ptr<Listener> listener;
  {
    const std::lock_guard lock(mutex_);
    auto found = listeners_.find(id);
    if (found == listeners_.end()) return;
    listener = found->second;
  }
  const std::lock_guard running(listener->running);
  if (listener->ended) return;
  // What is left in the ring makes it readable again at once, after the other rings have had their turn.
  if (auto done = listener->ring.consume(budget); !done) log::error("slow path: {}", done.error().message);
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
      if (id == 0) return;
      serve(id);
    }
  }
}

}  // namespace polycube::engine
