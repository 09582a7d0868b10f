// SPDX-License-Identifier: Apache-2.0
/// Network devices through rtnetlink: owners of libnl's objects, and veth pairs.
/// Invariants: a socket speaks to the network namespace in which its thread was when it was made.
/// Threading: each object from one thread at a time.
/// Source: rtnetlink(7), veth(4).
#pragma once

#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace polycube::engine::netlink {

struct SocketDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
struct LinkDeleter {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;
using Link = std::unique_ptr<rtnl_link, LinkDeleter>;

/// A failure of libnl: a system error with its text.
[[nodiscard]] tl::unexpected<Error> error(int code, const std::string& what);

/// `protocol`: NETLINK_ROUTE, NETLINK_GENERIC.
[[nodiscard]] Result<Socket> connect(int protocol = NETLINK_ROUTE);

struct Veth {
  std::string name;
  std::string far_name;
  int index = 0;           ///< interface index of the near end; 0: any
  int far_namespace = -1;  ///< descriptor of the far end's network namespace; -1: this one
};
[[nodiscard]] Result<> add_veth(nl_sock* socket, const Veth& veth);

/// Sets IFF_UP, and the MTU unless it is 0; returns the interface index.
[[nodiscard]] Result<int> bring_up(nl_sock* socket, const std::string& device, unsigned mtu = 0);

[[nodiscard]] Result<> remove(nl_sock* socket, int device);
[[nodiscard]] Result<> remove(nl_sock* socket, const std::string& device);

/// Switches generic receive offload on. A veth takes frames that native XDP sends to its other end only while it polls,
/// which this makes it do.
[[nodiscard]] Result<> receive_offload_on(const std::string& device);

}  // namespace polycube::engine::netlink
