// SPDX-License-Identifier: Apache-2.0
#include "bpf/link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace polycube::bpf {

namespace {

// Newer than the headers of the distribution: include/uapi/linux/bpf.h, enum bpf_attach_type.
constexpr __u32 attach_tcx_ingress = 46;
constexpr __u32 attach_tcx_egress = 47;

struct Point {
  __u32 attach_type;
  __u32 flags;
};

Point point_of(AttachPoint point) {
  switch (point) {
    case AttachPoint::tcx_ingress: return {attach_tcx_ingress, 0};
    case AttachPoint::tcx_egress: return {attach_tcx_egress, 0};
    case AttachPoint::xdp_generic: return {BPF_XDP, XDP_FLAGS_SKB_MODE};
    case AttachPoint::xdp_native: return {BPF_XDP, XDP_FLAGS_DRV_MODE};
  }
  return {};
}

tl::unexpected<Error> attach_error(int error, AttachPoint point, const std::string& device) {
  const bool xdp = point == AttachPoint::xdp_generic || point == AttachPoint::xdp_native;
  if (xdp && (error == EBUSY || error == EEXIST))
    return fail(ErrorCode::in_use, "device {} already carries an XDP program; detach it, or use a cube of type TC",
                device);
  if (point == AttachPoint::xdp_native && (error == EOPNOTSUPP || error == EINVAL || error == ERANGE))
    return fail(
        ErrorCode::unsupported_feature,
        "native XDP is not available on device {} ({}); use a cube of type XDP_SKB, which works on every device",
        device, std::strerror(error));
  if (!xdp && error == EINVAL)
    return fail(ErrorCode::unsupported_feature, "tcx is not available on device {}; it needs Linux 6.6", device);
  return fail_errno(error, fmt::format("cannot attach to device {}", device));
}

}  // namespace

Result<Link> Link::attach(const Program& program, int device, AttachPoint point, const std::string& device_name) {
  const Point where = point_of(point);
  union bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.link_create.prog_fd = static_cast<__u32>(program.fd());
  attributes.link_create.target_ifindex = static_cast<__u32>(device);
  attributes.link_create.attach_type = where.attach_type;
  attributes.link_create.flags = where.flags;
  const long fd = syscall(__NR_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
  if (fd < 0) return attach_error(errno, point, device_name);
  return Link(Fd(static_cast<int>(fd)));
}

Result<> Link::replace(const Program& program) const {
  if (bpf_link_update(fd(), program.fd(), nullptr) < 0) return fail_errno(errno, "cannot replace an attached program");
  return {};
}

namespace {

// The index is where tcx has its own; the kernel clears both when the device goes.
std::optional<bpf_link_info> info_of(const Link& link) {
  bpf_link_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(link.fd(), &info, &size) < 0) return std::nullopt;
  return info;
}

}  // namespace

// A kernel that cannot tell just now has not detached it.
bool Link::attached() const {
  const auto info = info_of(*this);
  return info ? info->xdp.ifindex != 0 : static_cast<bool>(*this);
}

int Link::device() const {
  const auto info = info_of(*this);
  return info ? static_cast<int>(info->xdp.ifindex) : 0;
}

bool Link::is_at(int device, AttachPoint point) const {
  const auto info = info_of(*this);
  if (!info || static_cast<int>(info->xdp.ifindex) != device) return false;
  if (point == AttachPoint::tcx_ingress || point == AttachPoint::tcx_egress) {
    const auto ids = attached_programs(device, point);
    return ids && std::find(ids->begin(), ids->end(), info->prog_id) != ids->end();
  }
  __u32 id = 0;
  const auto flags = static_cast<int>(point_of(point).flags);
  return bpf_xdp_query_id(device, flags, &id) == 0 && id == info->prog_id;
}

Result<std::vector<std::uint32_t>> attached_programs(int device, AttachPoint point) {
  std::vector<std::uint32_t> ids(64);  // the kernel holds no more on one point: BPF_MPROG_MAX
  auto count = static_cast<__u32>(ids.size());
  const auto type = static_cast<bpf_attach_type>(point_of(point).attach_type);
  if (bpf_prog_query(device, type, 0, nullptr, ids.data(), &count) < 0)
    return fail_errno(errno, "cannot list the programs of a device");
  ids.resize(count);
  return ids;
}

}  // namespace polycube::bpf
