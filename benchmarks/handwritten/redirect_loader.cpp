// SPDX-License-Identifier: Apache-2.0
// Plain libbpf, without the project's own layers: its lines count as those that a hand-written forwarder needs.
#include "handwritten/redirect_loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace polycube::bench {

Result<Redirect> load_redirect(const char* path, int to) {
  bpf_object* object = bpf_object__open(path);
  if (object == nullptr) return fail_errno(errno, path);
  bpf_map* constants = nullptr;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) if (std::strstr(bpf_map__name(map), ".rodata")) constants = map;
  if (constants == nullptr || bpf_map__set_initial_value(constants, &to, sizeof(to)) < 0 ||
      bpf_object__load(object) < 0) {
    const int error = errno;
    bpf_object__close(object);
    return fail_errno(error, path);
  }
  auto program = Fd::duplicate(bpf_program__fd(bpf_object__find_program_by_name(object, "redirect")));
  bpf_object__close(object);
  if (!program) return tl::unexpected<Error>(program.error());
  return Redirect{std::move(*program), Fd()};
}

Result<> attach_redirect(Redirect& redirect, RedirectHook hook, int from) {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.link_create.prog_fd = static_cast<__u32>(redirect.program.get());
  attributes.link_create.target_ifindex = static_cast<__u32>(from);
  attributes.link_create.attach_type = hook == RedirectHook::tc ? 46 /* BPF_TCX_INGRESS */ : BPF_XDP;
  if (hook == RedirectHook::xdp_native) attributes.link_create.flags = XDP_FLAGS_DRV_MODE;
  if (hook == RedirectHook::xdp_generic) attributes.link_create.flags = XDP_FLAGS_SKB_MODE;
  redirect.link = Fd(static_cast<int>(syscall(__NR_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes))));
  if (!redirect.link) return fail_errno(errno, "cannot attach the hand-written program");
  return {};
}

}  // namespace polycube::bench
