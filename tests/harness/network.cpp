// SPDX-License-Identifier: Apache-2.0
#include "harness/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <system_error>

#include "engine/netlink.h"
#include "harness/must.h"

namespace polycube::harness {

namespace {

constexpr int patience_ms = 10'000;  // of a broken run; good ones do not wait

void check(bool fine, const std::string& what) {
  if (!fine) throw std::system_error(errno, std::generic_category(), what);
}

namespace netlink = engine::netlink;

void put_back_tag(Bytes& frame, const tpacket_auxdata& data) {
  if ((data.tp_status & TP_STATUS_VLAN_VALID) == 0 || frame.size() < 12) return;
  const std::uint16_t tpid =
      (data.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? data.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q};
  const std::uint16_t words[] = {htons(tpid), htons(data.tp_vlan_tci)};
  const auto* tag = reinterpret_cast<const std::byte*>(words);
  frame.insert(frame.begin() + 12, tag, tag + sizeof(words));
}

}  // namespace

NetworkNamespace::NetworkNamespace() : previous_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  check(static_cast<bool>(previous_), "the network namespace of this thread");
  check(unshare(CLONE_NEWNET) == 0, "a new network namespace");
  for (const char* which : {"all", "default"})
    std::ofstream(std::string("/proc/sys/net/ipv6/conf/") + which + "/disable_ipv6") << "1";
  (void)must(netlink::bring_up(must(netlink::connect()).get(), "lo"));
}

NetworkNamespace::~NetworkNamespace() { (void)setns(previous_.get(), CLONE_NEWNET); }

void NetworkNamespace::add_veth(const std::string& name, const std::string& far_name, int index) const {
  const netlink::Socket socket = must(netlink::connect());
  must(netlink::add_veth(socket.get(), {.name = name, .far_name = far_name, .index = index}));
  for (const std::string& end : {name, far_name}) (void)must(netlink::bring_up(socket.get(), end));
  // An end that is up when this is switched on tells the other one that it takes redirected frames.
  for (const std::string& end : {name, far_name}) must(netlink::receive_offload_on(end));
}

void NetworkNamespace::remove_device(const std::string& name) const {
  must(netlink::remove(must(netlink::connect()).get(), static_cast<int>(if_nametoindex(name.c_str()))));
}

FrameSocket::FrameSocket(const std::string& device)
    : device_(device), socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  check(static_cast<bool>(socket_), "packet socket");
  const int on = 1;
  check(setsockopt(socket_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0, "PACKET_IGNORE_OUTGOING");
  const int room = 4 << 20;  // bytes: a test counts what its cubes lose, not what its socket does
  check(setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) == 0, "SO_RCVBUFFORCE");
  check(setsockopt(socket_.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) == 0, "PACKET_AUXDATA");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  check(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "packet socket on " + device);
}

void FrameSocket::send(const Bytes& frame) const {
  check(::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()),
        "send to " + device_);
}

bool FrameSocket::wait(int milliseconds) const {
  pollfd waited{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return poll(&waited, 1, milliseconds) == 1;
}

Bytes FrameSocket::take() const {
  Bytes frame(65536);
  iovec part{.iov_base = frame.data(), .iov_len = frame.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t size = recvmsg(socket_.get(), &message, 0);
  check(size >= 0, "receive from " + device_);
  frame.resize(static_cast<std::size_t>(size));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata data;
    std::memcpy(&data, CMSG_DATA(header), sizeof(data));
    put_back_tag(frame, data);
  }
  return frame;
}

Bytes FrameSocket::receive() const {
  if (!wait(patience_ms)) throw std::runtime_error("nothing arrived at " + device_);
  return take();
}

std::vector<Bytes> FrameSocket::receive(std::size_t count) const {
  constexpr std::size_t longest = 256;
  constexpr std::size_t batch = 64;
  std::array<std::array<std::byte, longest>, batch> buffers;
  std::array<iovec, batch> parts;
  std::array<mmsghdr, batch> messages{};
  for (std::size_t i = 0; i < batch; i++) {
    parts[i] = {buffers[i].data(), longest};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  std::vector<Bytes> frames;
  while (frames.size() < count) {
    if (!wait(patience_ms))
      throw std::runtime_error("of " + std::to_string(count) + " frames only " + std::to_string(frames.size()) +
                               " arrived at " + device_);
    const auto most = static_cast<unsigned>(std::min(count - frames.size(), batch));
    const int taken = recvmmsg(socket_.get(), messages.data(), most, MSG_DONTWAIT, nullptr);
    check(taken >= 0, "receive from " + device_);
    for (std::size_t i = 0; i < static_cast<std::size_t>(taken); i++)
      frames.emplace_back(buffers[i].begin(), buffers[i].begin() + messages[i].msg_len);
  }
  return frames;
}

std::vector<Bytes> FrameSocket::pending() const {
  std::vector<Bytes> frames;
  while (wait(0)) frames.push_back(take());
  return frames;
}

}  // namespace polycube::harness
