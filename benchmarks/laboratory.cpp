// SPDX-License-Identifier: Apache-2.0
#include "laboratory.h"

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "engine/netlink.h"
#include "paths.h"
#include "trace.h"

namespace polycube::bench {

namespace {

namespace netlink = engine::netlink;

}  // namespace

Result<> enter_laboratory() {
  if (unshare(CLONE_NEWNET) < 0) return fail_errno(errno, "cannot create a network namespace (root is needed)");
  for (const char* scope : {"all", "default"})
    std::ofstream(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", scope)) << "1";
  return {};
}

Pair::~Pair() {
  if (near.index == 0) return;
  if (auto socket = netlink::connect()) (void)netlink::remove(socket->get(), near.index);
}

Result<Pair> create_pair(const std::string& near, const std::string& far) {
  PCN_ASSIGN(const netlink::Socket socket, netlink::connect());
  PCN_TRY(netlink::add_veth(socket.get(), {.name = near, .far_name = far}));
  Pair pair;
  PCN_ASSIGN(const int near_index, netlink::bring_up(socket.get(), near));
  pair.near = {near, near_index};
  PCN_ASSIGN(const int far_index, netlink::bring_up(socket.get(), far));
  pair.far = {far, far_index};
  PCN_TRY(netlink::receive_offload_on(far));
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
  const bpf::Bytes frame = make_frame(0);
  PCN_ASSIGN(bpf::LoadedObject loaded,
             object.load({.constants = {{"generator_device", std::as_bytes(std::span(&index, 1))},
                                        {"generator_headers", std::span(frame).first(5 * sizeof(__u64))}},
                          .maps = {}}));
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
