// SPDX-License-Identifier: Apache-2.0
#include "engine/injector.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include "base/log.h"
#include "engine/netlink.h"
#include "engine/undo.h"

#include <polycube/abi.h>

namespace polycube::engine {

namespace {

constexpr unsigned largest_mtu = 65535;  // of a veth: full-size packets must pass with a pcn_frame in front

// Runs in a thread of its own, since a network namespace belongs to a thread.
Result<> in_thread(const std::function<Result<>()>& work) {
  Result<> result;
  std::thread([&] { result = work(); }).join();
  return result;
}

Result<Fd> new_namespace() {
  Fd fd;
  PCN_TRY(in_thread([&]() -> Result<> {
    if (unshare(CLONE_NEWNET) < 0) return fail_errno(errno, "cannot create a network namespace");
    fd = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno(errno, "cannot open a network namespace");
    return {};
  }));
  return fd;
}

// IPv6 would send router solicitations on its own.
void silence(const std::string& device) { std::ofstream("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6") << "1"; }

Result<int> set_up(nl_sock* socket, const std::string& device) {
  silence(device);
  return netlink::bring_up(socket, device, largest_mtu);
}

// Sends whole frames on a device of the thread's namespace; receives none.
Result<Fd> packet_socket(int device) {
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(errno, "cannot open a packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = device;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0)
    return fail_errno(errno, "cannot bind a packet socket");
  const int on = 1;  // a veth has no queue worth passing
  if (setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0)
    return fail_errno(errno, "cannot set up a packet socket");
  return socket;
}

Result<bpf::Link> attach(const Injector::Entry& entry, int device, bpf::AttachPoint point, const std::string& name) {
  PCN_ASSIGN(bpf::LoadedObject loaded, entry.object.load({.maps = entry.panel.shared_maps()}));
  auto program = loaded.programs.find(entry.program);
  if (program == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} has no program {}", entry.object.path().string(), entry.program);
  return bpf::Link::attach(program->second, device, point, name);
}

Result<> remove_device(int index) {
  const auto socket = netlink::connect();
  return socket ? netlink::remove(socket->get(), index) : Result<>(tl::unexpected<Error>(socket.error()));
}

// A daemon that is restarted may have the process id of the one before, whose device is still there.
std::string free_name(const char* family, const char* end) {
  for (char number = 'a';; number++) {
    std::string name = number == 'a' ? fmt::format("pcn{}{}{}", family, end, getpid())
                                     : fmt::format("pcn{}{}{}{}", family, end, getpid(), number);
    if (number == 'z' || if_nametoindex(name.c_str()) == 0) return name;
  }
}

}  // namespace

Injector::OwnDevice::~OwnDevice() {
  if (index_ == 0 || (pins_ != nullptr && pins_->leaving())) return;
  const auto done = try_twice([&] { return remove_device(index_); });
  if (done) return;
  log::warn("the injector device stays until polycubed begins again: {}", done.error().message);
  for (Pin& pin : attachments_) std::move(pin).leave();  // by which the next daemon finds it
}

Result<> Injector::OwnDevice::pin(int link, const std::string& name) {
  PCN_ASSIGN(Pin pinned, pins_->pin(link, name));
  attachments_.push_back(std::move(pinned));
  return {};
}

void Injector::remove(const bpf::Link& attached) {
  const int device = attached.device();
  const bool here =
      attached.is_at(device, bpf::AttachPoint::tcx_ingress) || attached.is_at(device, bpf::AttachPoint::xdp_generic);
  if (device == 0 || !here) return;
  if (auto done = remove_device(device); !done)
    log::warn("cannot remove the injector device of a daemon before: {}", done.error().message);
}

Result<> Injector::in_namespace(const std::function<Result<>()>& work) const {
  if (!namespace_) return work();
  return in_thread([&]() -> Result<> {
    if (setns(namespace_.get(), CLONE_NEWNET) < 0) return fail_errno(errno, "cannot enter a network namespace");
    return work();
  });
}

Result<Injector> Injector::create(Family family, const Entry& tc, const Entry* xdp, Pins* pins) {
  const char* short_name = family == Family::tc ? "tc" : "xdp";
  const std::string name = free_name(short_name, "");
  const std::string sender_name = pins == nullptr ? "pcnsender" : free_name(short_name, "s");
  Injector injector;
  injector.family_ = family;
  if (pins == nullptr) {
    PCN_ASSIGN(injector.namespace_, new_namespace());
  }
  PCN_ASSIGN(const netlink::Socket socket, netlink::connect());
  PCN_TRY(netlink::add_veth(
      socket.get(),
      {.name = name, .far_name = sender_name, .far_namespace = injector.namespace_ ? injector.namespace_.get() : -1}));
  injector.receiver_ = OwnDevice(static_cast<int>(if_nametoindex(name.c_str())), pins);
  if (injector.receiver() == 0) {
    auto failed = fail_errno(errno, fmt::format("cannot find device {}", name));
    (void)netlink::remove(socket.get(), name);
    return failed;
  }
  PCN_TRY(injector.in_namespace([&]() -> Result<> {
    PCN_ASSIGN(const netlink::Socket inner, netlink::connect());
    PCN_ASSIGN(injector.sender_, set_up(inner.get(), sender_name));
    PCN_ASSIGN(injector.socket_, packet_socket(injector.sender_));
    return {};
  }));
  PCN_ASSIGN(const int receiver, set_up(socket.get(), name));
  PCN_TRY(netlink::receive_offload_on(name));
  PCN_ASSIGN(injector.tc_, attach(tc, receiver, bpf::AttachPoint::tcx_ingress, name));
  // Generic, since it must see what TC programs send here as well.
  if (xdp != nullptr) {
    PCN_ASSIGN(injector.xdp_, attach(*xdp, receiver, bpf::AttachPoint::xdp_generic, name));
  }
  if (pins != nullptr) {
    const std::string pin = fmt::format("{}/{}", Pins::own_devices, short_name);
    PCN_TRY(injector.receiver_.pin(injector.tc_.fd(), pin + "-tc"));
    if (injector.xdp_) PCN_TRY(injector.receiver_.pin(injector.xdp_.fd(), pin + "-xdp"));
  }
  return injector;
}

namespace {

constexpr std::size_t batch = 64;

// A packet and what tells the injector where it is to go: in front of it for XDP, behind it for TC. Not initialised: there is
// room for many, and mostly one is used.
struct Envelope {
  union {
    pcn_frame frame;
    pcn_trailer trailer;
  };
  std::array<iovec, 2> parts;

  void wrap(Family family, const Injector::Packet& packet) {
    const iovec bytes{const_cast<std::byte*>(packet.bytes.data()), packet.bytes.size()};
    if (family == Family::xdp) {
      frame = Injector::frame_for(packet);
      parts = {iovec{&frame, sizeof(frame)}, bytes};
    } else {
      trailer = {.magic = PCN_FRAME_MAGIC,
                 .slot = packet.slot,
                 .port = packet.port,
                 .traffic_class = packet.traffic_class,
                 .trace = packet.trace};
      parts = {bytes, iovec{&trailer, sizeof(trailer)}};
    }
  }
};

}  // namespace

pcn_frame Injector::frame_for(const Packet& packet) {
  return {.destination = {},
          .source = {},
          .trace = packet.trace,
          .protocol = htons(PCN_FRAME_PROTOCOL),
          .stage = PCN_STAGE_ENTER,
          .slot = packet.slot,
          .port = packet.port,
          .traffic_class = packet.traffic_class,
          .group = 0,
          .tag = PCN_TAG_KEEP};
}

Result<> Injector::send(std::span<const Packet> packets) const {
  std::array<Envelope, batch> envelopes;
  std::array<mmsghdr, batch> messages;
  while (!packets.empty()) {
    const std::size_t count = std::min(packets.size(), batch);
    for (std::size_t i = 0; i < count; i++) {
      const std::size_t size = packets[i].bytes.size();
      if (size < ETH_HLEN || size > largest_mtu)
        return fail(ErrorCode::invalid_value, "a packet has {} bytes, not {} to {}", size, ETH_HLEN, largest_mtu);
      envelopes[i].wrap(family_, packets[i]);
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = envelopes[i].parts.data();
      messages[i].msg_hdr.msg_iovlen = envelopes[i].parts.size();
    }
    const int sent = sendmmsg(socket_.get(), messages.data(), static_cast<unsigned>(count), 0);
    if (sent < 0) return fail_errno(errno, "cannot send a packet");
    packets = packets.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<> Injector::put_into(const bpf::Map& device_map) const {
  return in_namespace([&] { return device_map.set(0, static_cast<std::uint32_t>(sender_)); });
}

}  // namespace polycube::engine
