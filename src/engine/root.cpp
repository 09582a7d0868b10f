// SPDX-License-Identifier: Apache-2.0
#include "engine/root.h"

#include <polycube/abi.h>

#include "base/log.h"
#include "engine/xdp_features.h"

namespace polycube::engine {

bpf::AttachPoint attach_point(const topology::Gate& gate) {
  if (gate.direction == topology::Direction::egress) return bpf::AttachPoint::tcx_egress;
  switch (gate.hook) {
    case topology::Hook::tc: return bpf::AttachPoint::tcx_ingress;
    case topology::Hook::xdp_skb: return bpf::AttachPoint::xdp_generic;
    case topology::Hook::xdp_drv: return bpf::AttachPoint::xdp_native;
  }
  return bpf::AttachPoint::tcx_ingress;
}

namespace {

// XDP has one program a device. tcx has many, of which the first that takes a packet takes it from those behind. Judged
// after attaching: of two daemons that attach at the same time, exactly the second one sees the other.
Result<> check_first_root(const bpf::Program& ours, int device, bpf::AttachPoint point,
                          const std::string& device_name) {
  PCN_ASSIGN(const bpf::Program::Info own, ours.info());
  PCN_ASSIGN(const auto attached, bpf::attached_programs(device, point));
  for (std::uint32_t id : attached) {
    if (id == own.id) return {};
    auto program = bpf::Program::open(id);
    if (!program && program.error().code == ErrorCode::data_missing) continue;  // detached meanwhile
    if (!program) return tl::unexpected<Error>(program.error());
    PCN_ASSIGN(const bpf::Program::Info info, program->info());
    if (info.name == own.name)
      return fail(ErrorCode::in_use,
                  "another polycube daemon has device {} (program {}): take it out of that daemon's cubes first",
                  device_name, id);
  }
  return {};
}

// The kernel tells of such losses in a tracepoint only (xdp:xdp_redirect_err).
void warn_unless_it_takes_frames(int device, const std::string& device_name) {
  const auto features = xdp_features(device);
  if (!features) {
    log::debug("device {}: {}", device_name, features.error().message);
  } else if ((*features & xdp_feature_ndo_xmit) == 0) {
    log::warn(
        "device {} does not take packets from native XDP: what is sent there is lost. Of a veth, switch on GRO at the "
        "other end (ethtool -K NAME gro on); otherwise use cubes of type XDP_SKB",
        device_name);
  }
}

const char* point_name(bpf::AttachPoint point) {
  switch (point) {
    case bpf::AttachPoint::tcx_ingress: return "tcx-ingress";
    case bpf::AttachPoint::tcx_egress: return "tcx-egress";
    case bpf::AttachPoint::xdp_generic: return "xdp-generic";
    case bpf::AttachPoint::xdp_native: return "xdp-native";
  }
  return "";
}

}  // namespace

Result<Root> Root::create(Panel& panel, const bpf::ObjectFile& object, int device) {
  PCN_ASSIGN(PanelSlot slot, PanelSlot::allocate(panel));
  Root root(std::move(slot), device);
  const pcn_root_config config{.slot = root.slot_.number()};
  PCN_ASSIGN(bpf::LoadedObject loaded,
             object.load({.constants = {{"pcn_root_config", std::as_bytes(std::span(&config, 1))}},
                          .maps = panel.shared_maps()}));
  auto program = loaded.programs.find("pcn_root");
  if (program == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} is not a root program", object.path().string());
  root.program_ = std::move(program->second);
  PCN_TRY(root.slot_.set_device(device));
  return root;
}

Result<> Root::attach(const std::string& device_name, const topology::Gate& gate, Pins* pins) {
  const bpf::AttachPoint point = attach_point(gate);
  const std::string name = fmt::format("{}/{}-{}", Pins::links, device_, point_name(point));
  auto old = pins == nullptr ? std::nullopt : pins->find_link(name);
  taken_ = old && old->is_at(device_, point);
  if (taken_) {
    link_ = std::move(*old);
  } else {
    PCN_ASSIGN(link_, bpf::Link::attach(program_, device_, point, device_name));
  }
  if (pins != nullptr) {
    PCN_ASSIGN(pin_, pins->pin(link_.fd(), name));
  }
  if (taken_) return {};
  if (gate.hook == topology::Hook::tc) PCN_TRY(check_first_root(program_, device_, point, device_name));
  if (gate.hook == topology::Hook::xdp_drv) warn_unless_it_takes_frames(device_, device_name);
  return {};
}

// What is behind the tracer is there before packets meet that.
Result<> Root::steer(const bpf::Program& entry) {
  if (!behind_tracer_) return slot_.set(entry);
  PCN_TRY(behind_tracer_->set(entry));
  return slot_.set(tracer_);
}

Result<> Root::put_tracer(Panel& panel, const bpf::ObjectFile& object, const topology::Gate& gate) {
  if (behind_tracer_) return {};
  PCN_ASSIGN(PanelSlot behind, PanelSlot::allocate(panel));
  const pcn_tracer_config config{
      .device = static_cast<__u32>(gate.device),
      .gate = trace_number(family_of(gate.hook), slot()),
      .slot = behind.number(),
      .direction = static_cast<__u16>(gate.direction == topology::Direction::egress ? PCN_EGRESS : PCN_INGRESS),
      .reserved = 0};
  PCN_ASSIGN(bpf::LoadedObject loaded,
             object.load({.constants = {{"pcn_tracer_config", std::as_bytes(std::span(&config, 1))}},
                          .maps = panel.shared_maps()}));
  auto program = loaded.programs.find("pcn_tracer");
  if (program == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} is not a tracer program", object.path().string());
  tracer_ = std::move(program->second);
  behind_tracer_.emplace(std::move(behind));
  return {};
}

Result<> Root::take_over() {
  if (!taken_) return {};
  PCN_TRY(link_.replace(program_));
  taken_ = false;
  return {};
}

}  // namespace polycube::engine
