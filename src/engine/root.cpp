// SPDX-License-Identifier: Apache-2.0
#include "engine/root.h"

#include <polycube/abi.h>

#include <atomic>
#include <bit>

namespace polycube::engine {

bpf::AttachPoint attach_point(topology::Hook hook) {
  switch (hook) {
    case topology::Hook::tc: return bpf::AttachPoint::tcx_ingress;
    case topology::Hook::xdp_skb: return bpf::AttachPoint::xdp_generic;
    case topology::Hook::xdp_drv: return bpf::AttachPoint::xdp_native;
  }
  return bpf::AttachPoint::tcx_ingress;
}

Result<Root> Root::attach(Panel& panel, const bpf::ObjectFile& object, int device, const std::string& device_name,
                          topology::Hook hook) {
  PCN_ASSIGN(PanelSlot first, PanelSlot::allocate(panel));
  PCN_ASSIGN(PanelSlot second, PanelSlot::allocate(panel));
  Root root(std::move(first), std::move(second));
  const pcn_root_config config{.slots = {root.slots_[0].number(), root.slots_[1].number()}};
  PCN_ASSIGN(bpf::LoadedObject loaded,
             object.load({.constants = {{"pcn_root_config", std::as_bytes(std::span(&config, 1))}},
                          .maps = panel.shared_maps()}));
  auto target = loaded.maps.find(".bss");
  auto program = loaded.programs.find("pcn_root");
  if (target == loaded.maps.end() || program == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} is not a root program", object.path().string());
  PCN_ASSIGN(root.target_, bpf::MappedMemory::of(target->second));
  PCN_ASSIGN(root.link_, bpf::Link::attach(program->second, device, attach_point(hook), device_name));
  return root;
}

Result<> Root::steer(const bpf::Program& program, std::uint16_t port) {
  if (active_ && port == port_) return slots_[entry_].set(program);
  const unsigned entry = active_ ? 1 - entry_ : entry_;
  PCN_TRY(slots_[entry].set(program));
  const pcn_root_target target{.in_port = port, .entry = static_cast<__u16>(entry), .active = 1};
  std::atomic_ref<std::uint64_t>(*static_cast<std::uint64_t*>(target_.address()))
      .store(std::bit_cast<std::uint64_t>(target), std::memory_order_release);
  entry_ = entry;
  port_ = port;
  active_ = true;
  return {};
}

}  // namespace polycube::engine
