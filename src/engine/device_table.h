// SPDX-License-Identifier: Apache-2.0
/// Network devices as a sum of rtnetlink messages.
/// Why: notifications are applied one by one, so that the cost of a change does not grow with the number of devices.
/// Invariants: after the messages of a dump, and of every notification since it began, the table is the kernel's state.
/// Threading: not synchronised.
/// Source: rtnetlink(7).
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "topology/topology.h"

struct nlmsghdr;

namespace polycube::engine {

class DeviceTable {
 public:
  /// Applies RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR or RTM_DELADDR; ignores other messages.
  void apply(nlmsghdr* message);
  void clear();

  [[nodiscard]] topology::Devices devices() const;

 private:
  struct Link {
    std::string name;
    std::string mac;
    unsigned flags = 0;
    unsigned mtu = 0;
  };
  /// Family (IPv4 sorts first), prefix, and the other end of a point-to-point address.
  using Address = std::tuple<int, std::string, std::string>;

  void apply_link(nlmsghdr* message);
  void apply_address(nlmsghdr* message);

  std::map<int, Link> links_;  ///< by interface index: a name moves from device to device
  std::map<int, std::set<Address>> addresses_;
};

}  // namespace polycube::engine
