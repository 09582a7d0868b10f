// SPDX-License-Identifier: Apache-2.0
#include "engine/xdp_features.h"

#include <linux/genetlink.h>
#include <netlink/msg.h>

#include <memory>
#include <optional>

#include "engine/netlink.h"

namespace polycube::engine {

namespace {

// Newer than the headers of the distribution: include/uapi/linux/netdev.h.
constexpr char family_name[] = "netdev";
constexpr std::uint8_t command_dev_get = 1;
constexpr int attribute_ifindex = 1;
constexpr int attribute_xdp_features = 3;

struct MessageDeleter {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageDeleter>;

Message request(int family, std::uint8_t command) {
  Message message(nlmsg_alloc_simple(family, 0));
  genlmsghdr header{};
  header.cmd = command;
  header.version = 1;
  nlmsg_append(message.get(), &header, sizeof(header), NLMSG_ALIGNTO);
  return message;
}

struct Wanted {
  int attribute;
  std::optional<std::uint64_t> value;
};

// Sends the request and reads one attribute of the reply, of two or eight bytes; negative: a libnl error.
int ask(nl_sock* socket, nl_msg* message, Wanted& wanted) {
  nl_socket_modify_cb(
      socket, NL_CB_VALID, NL_CB_CUSTOM,
      [](nl_msg* reply, void* context) -> int {
        auto& wanted = *static_cast<Wanted*>(context);
        const nlattr* found = nlmsg_find_attr(nlmsg_hdr(reply), GENL_HDRLEN, wanted.attribute);
        if (found == nullptr) return NL_OK;
        if (nla_len(found) == sizeof(std::uint16_t)) wanted.value = nla_get_u16(found);
        if (nla_len(found) == sizeof(std::uint64_t)) wanted.value = nla_get_u64(found);
        return NL_OK;
      },
      &wanted);
  if (int error = nl_send_auto(socket, message); error < 0) return error;
  if (int error = nl_recvmsgs_default(socket); error < 0) return error;
  return nl_wait_for_ack(socket);
}

}  // namespace

Result<std::uint64_t> xdp_features(int device) {
  PCN_ASSIGN(const netlink::Socket socket, netlink::connect(NETLINK_GENERIC));
  const Message lookup = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
  nla_put_string(lookup.get(), CTRL_ATTR_FAMILY_NAME, family_name);
  Wanted family{CTRL_ATTR_FAMILY_ID, std::nullopt};
  if (ask(socket.get(), lookup.get(), family) < 0 || !family.value)
    return fail(ErrorCode::unsupported_feature,
                "the kernel does not tell the XDP features of devices; it needs Linux 6.3");
  const Message get = request(static_cast<int>(*family.value), command_dev_get);
  nla_put_u32(get.get(), attribute_ifindex, static_cast<std::uint32_t>(device));
  Wanted features{attribute_xdp_features, std::nullopt};
  if (int code = ask(socket.get(), get.get(), features); code < 0)
    return netlink::error(code, "cannot ask for XDP features");
  if (!features.value) return fail(ErrorCode::system, "the kernel did not answer with XDP features");
  return *features.value;
}

}  // namespace polycube::engine
