// SPDX-License-Identifier: Apache-2.0
#include "engine/netlink.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/route/link/veth.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"

namespace polycube::engine::netlink {

tl::unexpected<Error> error(int code, const std::string& what) {
  return fail(ErrorCode::system, "{}: {}", what, nl_geterror(code));
}

Result<Socket> connect(int protocol) {
  Socket socket(nl_socket_alloc());
  if (socket == nullptr) return fail_errno(ENOMEM, "cannot make a netlink socket");
  if (int code = nl_connect(socket.get(), protocol); code < 0) return error(code, "cannot connect to netlink");
  return socket;
}

Result<> add_veth(nl_sock* socket, const Veth& veth) {
  Link pair(rtnl_link_veth_alloc());
  rtnl_link_set_name(pair.get(), veth.name.c_str());
  if (veth.index != 0) rtnl_link_set_ifindex(pair.get(), veth.index);
  Link far(rtnl_link_veth_get_peer(pair.get()));
  rtnl_link_set_name(far.get(), veth.far_name.c_str());
  if (veth.far_namespace >= 0) rtnl_link_set_ns_fd(far.get(), veth.far_namespace);
  if (int code = rtnl_link_add(socket, pair.get(), NLM_F_CREATE | NLM_F_EXCL); code < 0) {
    // It may be there, when only the answer was lost.
    if (code != -NLE_EXIST)
      if (const auto other = connect()) (void)remove(other->get(), veth.name);
    return error(code, fmt::format("cannot create the veth pair {}, {}", veth.name, veth.far_name));
  }
  return {};
}

Result<int> bring_up(nl_sock* socket, const std::string& device, unsigned mtu) {
  rtnl_link* found = nullptr;
  if (int code = rtnl_link_get_kernel(socket, 0, device.c_str(), &found); code < 0)
    return error(code, "cannot find device " + device);
  const Link link(found);
  const Link change(rtnl_link_alloc());
  rtnl_link_set_flags(change.get(), IFF_UP);
  if (mtu != 0) rtnl_link_set_mtu(change.get(), mtu);
  if (int code = rtnl_link_change(socket, link.get(), change.get(), 0); code < 0)
    return error(code, "cannot bring up device " + device);
  return rtnl_link_get_ifindex(link.get());
}

Result<> remove(nl_sock* socket, int device) {
  const Link link(rtnl_link_alloc());
  rtnl_link_set_ifindex(link.get(), device);
  if (int code = rtnl_link_delete(socket, link.get()); code < 0)
    return error(code, fmt::format("cannot remove device {}", device));
  return {};
}

Result<> remove(nl_sock* socket, const std::string& device) {
  const Link link(rtnl_link_alloc());
  rtnl_link_set_name(link.get(), device.c_str());
  if (int code = rtnl_link_delete(socket, link.get()); code < 0)
    return error(code, fmt::format("cannot remove device {}", device));
  return {};
}

Result<> receive_offload_on(const std::string& device) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(errno, "cannot open a socket");
  ethtool_value value{.cmd = ETHTOOL_SGRO, .data = 1};
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (ioctl(socket.get(), SIOCETHTOOL, &request) < 0)
    return fail_errno(errno, fmt::format("cannot switch on receive offload of device {}", device));
  return {};
}

}  // namespace polycube::engine::netlink
