// SPDX-License-Identifier: Apache-2.0
#include "engine/device_table.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/result.h"

namespace polycube::engine {

namespace {

std::string hardware_address(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  std::string text;
  std::span bytes(static_cast<const unsigned char*>(nla_data(attribute)), static_cast<std::size_t>(nla_len(attribute)));
  for (unsigned char byte : bytes) text += fmt::format("{}{:02x}", text.empty() ? "" : ":", byte);
  return text;
}

std::string ip_address(int family, const nlattr* attribute) {
  if (attribute == nullptr || nla_len(attribute) < (family == AF_INET ? 4 : 16)) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, nla_data(attribute), text.data(), text.size());
  return text.data();
}

}  // namespace

void DeviceTable::apply(nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: return apply_link(message);
    case RTM_NEWADDR:
    case RTM_DELADDR: return apply_address(message);
    default: return;
  }
}

void DeviceTable::apply_link(nlmsghdr* message) {
  std::array<nlattr*, IFLA_MAX + 1> attributes{};
  if (nlmsg_parse(message, sizeof(ifinfomsg), attributes.data(), IFLA_MAX, nullptr) < 0) return;
  const auto* info = static_cast<const ifinfomsg*>(nlmsg_data(message));
  // Bridges announce their ports' membership with messages of the same type and their own family.
  if (info->ifi_family != AF_UNSPEC) return;
  if (message->nlmsg_type == RTM_DELLINK) {
    links_.erase(info->ifi_index);
    addresses_.erase(info->ifi_index);
    return;
  }
  Link& link = links_[info->ifi_index];
  link.flags = info->ifi_flags;
  if (const nlattr* name = attributes[IFLA_IFNAME]; name != nullptr)
    link.name.assign(nla_get_string(name), strnlen(nla_get_string(name), static_cast<std::size_t>(nla_len(name))));
  link.mac = hardware_address(attributes[IFLA_ADDRESS]);
  if (const nlattr* mtu = attributes[IFLA_MTU]; mtu != nullptr && nla_len(mtu) >= 4) link.mtu = nla_get_u32(mtu);
}

void DeviceTable::apply_address(nlmsghdr* message) {
  std::array<nlattr*, IFA_MAX + 1> attributes{};
  if (nlmsg_parse(message, sizeof(ifaddrmsg), attributes.data(), IFA_MAX, nullptr) < 0) return;
  const auto* info = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  int family = info->ifa_family;
  if (family != AF_INET && family != AF_INET6) return;
  std::string other = ip_address(family, attributes[IFA_ADDRESS]);
  std::string own = attributes[IFA_LOCAL] != nullptr ? ip_address(family, attributes[IFA_LOCAL]) : other;
  if (own.empty()) return;
  Address address{family, fmt::format("{}/{}", own, info->ifa_prefixlen), other};
  int index = static_cast<int>(info->ifa_index);
  if (message->nlmsg_type == RTM_NEWADDR)
    addresses_[index].insert(std::move(address));
  else if (auto known = addresses_.find(index); known != addresses_.end())
    known->second.erase(address);
}

void DeviceTable::clear() {
  links_.clear();
  addresses_.clear();
}

topology::Devices DeviceTable::devices() const {
  topology::Devices devices;
  for (const auto& [index, link] : links_) {
    topology::Device device;
    device.index = index;
    device.up = (link.flags & IFF_UP) != 0;
    device.running = device.up && (link.flags & IFF_RUNNING) != 0;
    device.loopback = (link.flags & IFF_LOOPBACK) != 0;
    device.mac = link.mac;
    device.mtu = link.mtu;
    if (auto addresses = addresses_.find(index); addresses != addresses_.end())
      for (const auto& [family, prefix, other] : addresses->second)
        if (device.addresses.empty() || device.addresses.back() != prefix) device.addresses.push_back(prefix);
    devices[link.name] = std::move(device);
  }
  return devices;
}

}  // namespace polycube::engine
