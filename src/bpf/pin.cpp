// SPDX-License-Identifier: Apache-2.0
#include "bpf/pin.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace polycube::bpf {

namespace {

struct FreeTypes {
  void operator()(btf* types) const { btf__free(types); }
};

Result<Fd> open_pinned(const std::filesystem::path& path) {
  Fd fd(bpf_obj_get(path.c_str()));
  if (!fd && errno == ENOENT) return fail(ErrorCode::data_missing, "nothing is pinned at {}", path.string());
  if (!fd) return fail_errno(errno, fmt::format("cannot open {}", path.string()));
  return fd;
}

// `kind`: map, prog or link; the kernel would describe one as another.
bool is_a(const char* kind, const Fd& fd) {
  char target[64] = {};
  const std::string own = fmt::format("/proc/self/fd/{}", fd.get());
  // "anon_inode:bpf-link" or, with another kernel, "anon_inode:bpf_link"
  return readlink(own.c_str(), target, sizeof(target) - 1) > 0 && std::strstr(target, kind) != nullptr;
}

}  // namespace

Result<> check_pin_folder(const std::filesystem::path& folder) {
  struct statfs system{};
  if (statfs(folder.c_str(), &system) < 0) return fail_errno(errno, fmt::format("cannot look at {}", folder.string()));
  if (system.f_type != BPF_FS_MAGIC)
    return fail(
        ErrorCode::unsupported_feature,
        "{} is not in a BPF file system; mount one (mount -t bpf bpf /sys/fs/bpf), give --pin-dir a folder in one, "
        "or use --transient",
        folder.string());
  return {};
}

Result<> pin(int fd, const std::filesystem::path& path) {
  if (bpf_obj_pin(fd, path.c_str()) < 0) return fail_errno(errno, fmt::format("cannot pin {}", path.string()));
  return {};
}

Result<KnownMap> open_pinned_map(const std::filesystem::path& path) {
  PCN_ASSIGN(Fd fd, open_pinned(path));
  bpf_map_info found{};
  __u32 size = sizeof(found);
  if (!is_a("map", fd) || bpf_obj_get_info_by_fd(fd.get(), &found, &size) < 0 || found.type == BPF_MAP_TYPE_UNSPEC)
    return fail(ErrorCode::invalid_value, "{} is not a map", path.string());
  MapInfo info{.name = found.name,
               .type = found.type,
               .key_size = found.key_size,
               .value_size = found.value_size,
               .max_entries = found.max_entries,
               .flags = found.map_flags,
               .btf_key_type = found.btf_key_type_id,
               .btf_value_type = found.btf_value_type_id};
  KnownMap known{Map(std::move(fd), std::move(info)), {}, {}};
  if (found.btf_id == 0) return known;
  const std::unique_ptr<btf, FreeTypes> types(btf__load_from_kernel_by_id(found.btf_id));
  if (types == nullptr) return fail_errno(errno, fmt::format("cannot read the types of {}", path.string()));
  if (found.btf_key_type_id != 0)
    if (auto layout = layout_of(types.get(), found.btf_key_type_id)) known.key = std::move(*layout);
  if (found.btf_value_type_id != 0)
    if (auto layout = layout_of(types.get(), found.btf_value_type_id)) known.value = std::move(*layout);
  return known;
}

Result<Link> open_pinned_link(const std::filesystem::path& path) {
  PCN_ASSIGN(Fd fd, open_pinned(path));
  if (!is_a("link", fd)) return fail(ErrorCode::invalid_value, "{} is not a link", path.string());
  return Link(std::move(fd));
}

}  // namespace polycube::bpf
