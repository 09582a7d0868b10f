// SPDX-License-Identifier: Apache-2.0
#include "engine/devices.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "engine/device_table.h"

namespace polycube::engine {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A burst is over when nothing came for this long ...
constexpr milliseconds burst_quiet{2};
/// ... and is reported after this long even if it goes on.
constexpr milliseconds burst_limit{20};
/// After a failed attempt to read the devices.
constexpr milliseconds retry_after{1000};
/// A dump that devices keep interrupting is begun again at most so often.
constexpr int dump_attempts = 100;
/// Room for one datagram; the kernel writes up to 32 KiB, more for devices with many virtual functions.
constexpr std::size_t datagram_size = 256 * 1024;

using Socket = std::unique_ptr<nl_sock, void (*)(nl_sock*)>;

Result<Socket> open_socket() {
  Socket socket(nl_socket_alloc(), nl_socket_free);
  if (!socket) return fail(ErrorCode::system, "no memory for a netlink socket");
  if (int error = nl_connect(socket.get(), NETLINK_ROUTE); error < 0)
    return fail(ErrorCode::system, "cannot open an rtnetlink socket: {}", nl_geterror(error));
  return socket;
}

Result<Socket> open_event_socket(int receive_buffer) {
  PCN_ASSIGN(Socket socket, open_socket());
  int fd = nl_socket_get_fd(socket.get());
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) != 0 &&
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) != 0)
    return fail_errno(errno, "cannot size the buffer of an rtnetlink socket");
  if (int error = nl_socket_add_memberships(socket.get(), RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, 0);
      error < 0)
    return fail(ErrorCode::system, "cannot listen to changes of network devices: {}", nl_geterror(error));
  return socket;
}

/// What one datagram was.
enum class Received { messages, nothing, lost };

/// Blocks every signal for the thread that is started meanwhile: signals are the main thread's matter.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

struct DeviceMonitor::Impl {
  Impl(Socket events_socket, Socket dump_socket, Fd wake_fd, std::function<void()> callback)
      : events(std::move(events_socket)),
        dumps(std::move(dump_socket)),
        wake(std::move(wake_fd)),
        on_change(std::move(callback)),
        buffer(datagram_size) {}

  Result<> read_events();
  Result<> read_all();
  Result<> dump_all();
  Result<bool> dump(int type, const void* header, std::size_t size);
  Result<Received> receive(const Socket& socket, int flags, std::size_t& length);
  void publish();
  void poke() const;
  void run();
  bool wait(milliseconds timeout) const;
  void gather_burst();

  // The kernel tells about a change before the system call that made it returns. So whoever drains `events` knows every
  // change that was made before, without a dump.
  Socket events;
  Socket dumps;
  Fd wake;  ///< eventfd: the thread has something to do besides events
  const std::function<void()> on_change;

  std::mutex reading;  ///< guards the sockets, `buffer`, `table`, `stale`; taken before `shown`
  std::vector<char> buffer;
  DeviceTable table;
  bool stale = true;  ///< notifications were lost: only a dump helps

  mutable std::mutex shown;  ///< guards `devices` and `version`, which are written with `reading` held too
  topology::Devices devices;
  std::uint64_t version = 0;  ///< counts the changes of `devices`

  std::atomic<bool> stopping = false;
  std::uint64_t announced = 0;  ///< version of the last callback; of the thread alone
  std::thread thread;
};

/// One datagram from the kernel into `buffer`.
Result<Received> DeviceMonitor::Impl::receive(const Socket& socket, int flags, std::size_t& length) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    ssize_t size = ::recvfrom(nl_socket_get_fd(socket.get()), buffer.data(), buffer.size(), flags | MSG_TRUNC,
                              reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Received::nothing;
      if (errno == ENOBUFS) return Received::lost;
      return fail_errno(errno, "cannot read from an rtnetlink socket");
    }
    if (sender.nl_pid != 0) continue;  // only the kernel is believed
    length = static_cast<std::size_t>(size);
    return length > buffer.size() ? Received::lost : Received::messages;
  }
}

/// Applies every waiting notification; afterwards `table` is as the kernel is, or everything was read anew.
/// `reading` is held.
Result<> DeviceMonitor::Impl::read_events() {
  bool changed = false;
  for (;;) {
    std::size_t length = 0;
    PCN_ASSIGN(Received received, receive(events, MSG_DONTWAIT, length));
    if (received == Received::nothing) break;
    if (received == Received::lost) {
      stale = true;
      continue;
    }
    int rest = static_cast<int>(length);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(message, rest);
         message = nlmsg_next(message, &rest))
      table.apply(message);
    changed = true;
  }
  if (stale) return read_all();
  if (changed) publish();
  return {};
}

/// Reads everything. Notifications that come meanwhile wait in `events` and are applied later, in order, so that what
/// the dump missed is made good by them. `reading` is held.
Result<> DeviceMonitor::Impl::read_all() {
  stale = true;
  PCN_TRY(dump_all());
  stale = false;
  publish();
  return {};
}

Result<> DeviceMonitor::Impl::dump_all() {
  struct {
    ifinfomsg info{};
    nlattr mask{.nla_len = sizeof(nlattr) + sizeof(std::uint32_t), .nla_type = IFLA_EXT_MASK};
    std::uint32_t skip_statistics = RTEXT_FILTER_SKIP_STATS;
  } links;
  static_assert(sizeof links == sizeof(ifinfomsg) + sizeof(nlattr) + sizeof(std::uint32_t));
  ifaddrmsg addresses{};
  for (int attempt = 0; attempt < dump_attempts; ++attempt) {
    table.clear();
    PCN_ASSIGN(bool links_complete, dump(RTM_GETLINK, &links, sizeof links));
    if (!links_complete) continue;
    PCN_ASSIGN(bool addresses_complete, dump(RTM_GETADDR, &addresses, sizeof addresses));
    if (addresses_complete) return {};
  }
  return fail(ErrorCode::system, "network devices change too fast to be read");
}

/// Asks for all objects of a kind; false when a change interrupted the dump, which may then lack an object.
Result<bool> DeviceMonitor::Impl::dump(int type, const void* header, std::size_t size) {
  std::unique_ptr<nl_msg, void (*)(nl_msg*)> request(nlmsg_alloc_simple(type, NLM_F_DUMP), nlmsg_free);
  if (!request || nlmsg_append(request.get(), const_cast<void*>(header), size, NLMSG_ALIGNTO) < 0)
    return fail(ErrorCode::system, "no memory for a netlink message");
  if (int sent = nl_send_auto(dumps.get(), request.get()); sent < 0)
    return fail(ErrorCode::system, "cannot ask for the network devices: {}", nl_geterror(sent));
  std::uint32_t sequence = nlmsg_hdr(request.get())->nlmsg_seq;
  bool interrupted = false;
  for (;;) {
    std::size_t length = 0;
    PCN_ASSIGN(Received received, receive(dumps, 0, length));
    if (received != Received::messages) return fail(ErrorCode::system, "the list of network devices was cut off");
    int rest = static_cast<int>(length);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(message, rest);
         message = nlmsg_next(message, &rest)) {
      if (message->nlmsg_seq != sequence) continue;  // the rest of an earlier dump that failed half way
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (message->nlmsg_type == NLMSG_DONE) return !interrupted;
      if (message->nlmsg_type == NLMSG_ERROR)
        return fail_errno(-static_cast<const nlmsgerr*>(nlmsg_data(message))->error, "cannot list the network devices");
      table.apply(message);
    }
  }
}

void DeviceMonitor::Impl::publish() {
  topology::Devices now = table.devices();
  std::lock_guard lock(shown);
  if (now == devices) return;
  devices = std::move(now);
  ++version;
}

void DeviceMonitor::Impl::poke() const {
  std::uint64_t one = 1;
  // Can only fail when the counter is full, and then the thread is awake anyway.
  [[maybe_unused]] ssize_t written = ::write(wake.get(), &one, sizeof one);
}

/// Whether there is something to do before the time is over; negative: however long it takes.
bool DeviceMonitor::Impl::wait(milliseconds timeout) const {
  std::array<pollfd, 2> fds{{{nl_socket_get_fd(events.get()), POLLIN, 0}, {wake.get(), POLLIN, 0}}};
  if (::poll(fds.data(), fds.size(), static_cast<int>(timeout.count())) <= 0) return false;
  std::uint64_t count = 0;
  if (fds[1].revents != 0) [[maybe_unused]]
    ssize_t size = ::read(wake.get(), &count, sizeof count);
  return true;
}

/// Reads events until they pause.
void DeviceMonitor::Impl::gather_burst() {
  auto end = Clock::now() + burst_limit;
  do {
    std::lock_guard lock(reading);
    if (auto read = read_events(); !read) {
      stale = true;
      log::warn("network devices: {}", read.error().message);
      return;
    }
  } while (!stopping && Clock::now() < end && wait(burst_quiet));
}

void DeviceMonitor::Impl::run() {
  while (!stopping) {
    bool failed = [&] {
      std::lock_guard lock(reading);
      return stale;
    }();
    bool woken = wait(failed ? retry_after : milliseconds(-1));
    if (stopping) return;
    if (!woken && !failed) continue;
    gather_burst();
    std::uint64_t seen = [&] {
      std::lock_guard lock(shown);
      return version;
    }();
    if (stopping || seen == announced) continue;
    announced = seen;
    on_change();
  }
}

DeviceMonitor::DeviceMonitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<DeviceMonitor>> DeviceMonitor::start(std::function<void()> on_change, int receive_buffer) {
  PCN_ASSIGN(Socket events, open_event_socket(receive_buffer));
  PCN_ASSIGN(Socket dumps, open_socket());
  Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail_errno(errno, "cannot make an eventfd");
  auto impl = std::make_unique<Impl>(std::move(events), std::move(dumps), std::move(wake), std::move(on_change));
  PCN_TRY(impl->read_all());
  impl->announced = impl->version;
  try {
    SignalsBlocked blocked;
    impl->thread = std::thread([state = impl.get()] { state->run(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::system, "cannot start a thread for the network devices: {}", error.what());
  }
  return std::unique_ptr<DeviceMonitor>(new DeviceMonitor(std::move(impl)));
}

DeviceMonitor::~DeviceMonitor() {
  impl_->stopping = true;
  impl_->poke();
  impl_->thread.join();
}

topology::Devices DeviceMonitor::current() const {
  std::lock_guard lock(impl_->shown);
  return impl_->devices;
}

Result<> DeviceMonitor::refresh() {
  std::lock_guard lock(impl_->reading);
  std::uint64_t before = impl_->version;  // written under `reading` only
  PCN_TRY(impl_->read_events());
  // The kernel does not tell the thread any more what was read here, but the callback is its business.
  if (impl_->version != before) impl_->poke();
  return {};
}

}  // namespace polycube::engine
