// SPDX-License-Identifier: Apache-2.0
#include "laboratory.h"

#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "paths.h"
#include "trace.h"

namespace polycube::bench {

namespace {

struct SocketDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
struct LinkDeleter {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;
using LinkPointer = std::unique_ptr<rtnl_link, LinkDeleter>;

tl::unexpected<Error> netlink_error(int error, const std::string& what) {
  return fail(ErrorCode::system, "{}: {}", what, nl_geterror(error));
}

Result<Socket> connect() {
  Socket socket(nl_socket_alloc());
  if (int error = nl_connect(socket.get(), NETLINK_ROUTE); error < 0)
    return netlink_error(error, "cannot connect to rtnetlink");
  return socket;
}

Result<Device> bring_up(nl_sock* socket, const std::string& name) {
  rtnl_link* found = nullptr;
  if (int error = rtnl_link_get_kernel(socket, 0, name.c_str(), &found); error < 0)
    return netlink_error(error, "cannot find device " + name);
  LinkPointer link(found);
  LinkPointer change(rtnl_link_alloc());
  rtnl_link_set_flags(change.get(), IFF_UP);
  if (int error = rtnl_link_change(socket, link.get(), change.get(), 0); error < 0)
    return netlink_error(error, "cannot bring up device " + name);
  return Device{name, rtnl_link_get_ifindex(link.get())};
}

// A veth takes XDP frames only when its peer polls, which it does with GRO even while no XDP program is attached.
Result<> enable_gro(const std::string& name) {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(errno, "cannot open a socket");
  ethtool_value value{.cmd = ETHTOOL_SGRO, .data = 1};
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (ioctl(socket.get(), SIOCETHTOOL, &request) < 0) return fail_errno(errno, "cannot enable GRO on " + name);
  return {};
}

}  // namespace

Result<> enter_laboratory() {
  if (unshare(CLONE_NEWNET) < 0) return fail_errno(errno, "cannot create a network namespace (root is needed)");
  for (const char* scope : {"all", "default"})
    std::ofstream(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", scope)) << "1";
  return {};
}

Pair::~Pair() {
  if (near.index == 0) return;
  auto socket = connect();
  LinkPointer link(rtnl_link_alloc());
  rtnl_link_set_ifindex(link.get(), near.index);
  if (socket) rtnl_link_delete(socket->get(), link.get());
}

Result<Pair> create_pair(const std::string& near, const std::string& far) {
  PCN_ASSIGN(Socket socket, connect());
  LinkPointer link(rtnl_link_veth_alloc());
  rtnl_link_set_name(link.get(), near.c_str());
  rtnl_link* peer = rtnl_link_veth_get_peer(link.get());
  rtnl_link_set_name(peer, far.c_str());
  const int error = rtnl_link_add(socket.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  rtnl_link_put(peer);
  if (error < 0) return netlink_error(error, fmt::format("cannot create the veth pair {}, {}", near, far));
  Pair pair;
  PCN_ASSIGN(pair.near, bring_up(socket.get(), near));
  PCN_ASSIGN(pair.far, bring_up(socket.get(), far));
  PCN_TRY(enable_gro(far));
  return pair;
}

topology::Devices as_topology(const std::vector<Device>& devices) {
  topology::Devices result;
  for (const Device& device : devices)
    result[device.name] = {
        .index = device.index, .up = true, .running = true, .loopback = false, .mac = {}, .mtu = 1500, .addresses = {}};
  return result;
}

Result<Sink> Sink::attach(const Device& device) {
  PCN_ASSIGN(bpf::ObjectFile object, bpf::ObjectFile::read(paths().objects / "sink.o"));
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load({}));
  Sink sink;
  PCN_ASSIGN(sink.memory_, bpf::MappedMemory::of(loaded.maps.at(".bss")));
  PCN_ASSIGN(sink.link_,
             bpf::Link::attach(loaded.programs.at("sink"), device.index, bpf::AttachPoint::xdp_native, device.name));
  return sink;
}

std::uint64_t Sink::frames() const {
  std::uint64_t sum = 0;
  for (unsigned cpu = 0; cpu < std::min<unsigned>(SINK_CPUS, bpf::possible_cpus()); cpu++) sum += frames_of(cpu);
  return sum;
}

std::uint64_t Sink::frames_of(unsigned cpu) const {
  return std::atomic_ref<__u64>(memory().counters[cpu % SINK_CPUS].frames).load(std::memory_order_relaxed);
}

Samples Sink::slices(unsigned cpu, std::uint64_t begin) const {
  const std::uint64_t end = frames_of(cpu) / SINK_SLICE;
  Samples samples;
  for (std::uint64_t slice = begin / SINK_SLICE + 1; slice < end; slice++) {
    const __u64 time = memory().stamps[(slice + 1) % SINK_STAMPS] - memory().stamps[slice % SINK_STAMPS];
    samples.add(static_cast<double>(time) / SINK_SLICE);
  }
  return samples;
}

void Sink::arm() const {
  std::atomic_ref<__u64>(memory().first).store(0);
  std::atomic_ref<__u64>(memory().armed).store(1);
}

std::optional<std::chrono::steady_clock::time_point> Sink::arrived() const {
  const __u64 time = std::atomic_ref<__u64>(memory().first).load();
  if (time == 0) return std::nullopt;
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time));
}

Result<FrameGenerator> FrameGenerator::create(const Device& device) {
  PCN_ASSIGN(bpf::ObjectFile object, bpf::ObjectFile::read(paths().objects / "generator.o"));
  const __u32 index = static_cast<__u32>(device.index);
  PCN_ASSIGN(bpf::LoadedObject loaded,
             object.load({.constants = {{"generator_device", std::as_bytes(std::span(&index, 1))}}, .maps = {}}));
  FrameGenerator generator;
  generator.program_ = std::move(loaded.programs.at("generator"));
  return generator;
}

Result<> FrameGenerator::send(std::uint32_t frames) const {
  static const bpf::Bytes frame = make_frame(0);
  constexpr std::uint32_t batch = 64;  // frames
  PCN_TRY(program_.test_run(
      frame, {.repeat = frames, .context = {}, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = batch}));
  return {};
}

Result<std::unique_ptr<PacketStream>> PacketStream::start(const Device& device, double packets_per_second) {
  std::unique_ptr<PacketStream> stream(new PacketStream);
  stream->socket_ = Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!stream->socket_) return fail_errno(errno, "cannot open a packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = device.index;
  if (bind(stream->socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) < 0)
    return fail_errno(errno, "cannot bind a packet socket to " + device.name);
  stream->thread_ = std::thread([stream = stream.get(), packets_per_second] { stream->run(packets_per_second); });
  return stream;
}

PacketStream::~PacketStream() { (void)stop(); }

Result<PacketStream::Sent> PacketStream::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  PCN_TRY(Result<>(result_));
  return sent_;
}

void PacketStream::run(double packets_per_second) {
  using Clock = std::chrono::steady_clock;
  constexpr unsigned batch = 16;  // packets
  const Pinned pinned(measuring_cpu());
  bpf::Bytes frame = make_frame(0);
  iovec data{frame.data(), frame.size()};
  mmsghdr messages[batch] = {};
  for (mmsghdr& message : messages) message.msg_hdr = {nullptr, 0, &data, 1, nullptr, 0, 0};
  const auto begin = Clock::now();
  const std::chrono::duration<double> interval(batch / packets_per_second);
  for (std::uint64_t batches = 1; !stopping_; batches++) {
    const int count = sendmmsg(socket_.get(), messages, batch, 0);
    if (count < 0 && errno != EINTR && errno != ENOBUFS) {
      result_ = fail_errno(errno, "cannot send");
      break;
    }
    if (count > 0) sent_.packets += static_cast<std::uint64_t>(count);
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(interval * batches));
  }
  sent_.rate = static_cast<double>(sent_.packets) / std::chrono::duration<double>(Clock::now() - begin).count();
}

unsigned measuring_cpu() { return static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN) - 1); }

struct Pinned::Mask {
  cpu_set_t cpus;
};

Pinned::Pinned(unsigned cpu) : before_(std::make_unique<Mask>()) {
  sched_getaffinity(0, sizeof(before_->cpus), &before_->cpus);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

Pinned::~Pinned() { sched_setaffinity(0, sizeof(before_->cpus), &before_->cpus); }

}  // namespace polycube::bench
