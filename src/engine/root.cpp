// SPDX-License-Identifier: Apache-2.0
#include "engine/root.h"

#include <polycube/abi.h>

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
  PCN_ASSIGN(PanelSlot slot, PanelSlot::allocate(panel));
  Root root(std::move(slot));
  const pcn_root_config config{.slot = root.slot_.number()};
  PCN_ASSIGN(bpf::LoadedObject loaded,
             object.load({.constants = {{"pcn_root_config", std::as_bytes(std::span(&config, 1))}},
                          .maps = panel.shared_maps()}));
  auto program = loaded.programs.find("pcn_root");
  if (program == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} is not a root program", object.path().string());
  PCN_TRY(root.slot_.set_device(device));
  PCN_ASSIGN(root.link_, bpf::Link::attach(program->second, device, attach_point(hook), device_name));
  return root;
}

}  // namespace polycube::engine
