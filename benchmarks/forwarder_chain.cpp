// SPDX-License-Identifier: Apache-2.0
#include "forwarder_chain.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "paths.h"

namespace polycube::bench {

namespace {

constexpr const char* service = "simpleforwarder";

std::string cube_name(unsigned position) { return fmt::format("f{}", position); }

}  // namespace

Result<std::unique_ptr<ForwarderChain>> ForwarderChain::create() {
  std::unique_ptr<ForwarderChain> chain(new ForwarderChain);
  const std::filesystem::path folder = paths().services / service;
  PCN_ASSIGN(chain->schema_, model::Schema::load(paths().yang, {folder / (std::string(service) + ".yang")}));
  const model::ServiceModel* model = chain->schema_->service(service);
  if (model == nullptr) return fail(ErrorCode::not_found, "the model of {} cannot be used", service);
  PCN_ASSIGN(chain->package_, engine::Package::open(folder, *model));
  PCN_ASSIGN(chain->engine_, engine::Engine::create(paths().engine));
  return chain;
}

Result<> ForwarderChain::wire(topology::Hook hook, unsigned length, const Device& from, const Device& to) {
  devices_ = as_topology({from, to});
  PCN_TRY(clear());  // so that nothing of the chain before is used again: programs and tables get new places in memory
  topology::Topology wanted;
  for (unsigned i = 0; i < length; i++) {
    topology::Cube cube{.service = service, .hook = hook, .log_level = "INFO", .loop_safe = false, .ports = {}};
    cube.ports["p0"] = {.index = 0, .peer = i == 0 ? from.name : cube_name(i - 1) + ":p1"};
    cube.ports["p1"] = {.index = 1, .peer = i + 1 == length ? to.name : cube_name(i + 1) + ":p0"};
    wanted.cubes.emplace(cube_name(i), std::move(cube));
  }
  return apply(std::move(wanted));
}

Result<> ForwarderChain::clear() { return running_.cubes.empty() ? Result<>{} : apply({}); }

Result<> ForwarderChain::trace(bool on) {
  constexpr __u16 load_length = 0x80;  // BPF_LD | BPF_W | BPF_LEN
  constexpr __u16 jump_if_equal = 0x15;
  constexpr __u16 give_back = 0x06;
  PCN_TRY(engine_->tracer().set_filter(
      {{load_length, 0, 0, 0}, {jump_if_equal, 0, 1, 0}, {give_back, 0, 0, 1}, {give_back, 0, 0, 0}}));
  const topology::Wiring wiring = topology::wire(running_, devices_);
  return engine_->trace(on, {running_, running_, wiring, devices_, {}, {}});
}

Result<> ForwarderChain::apply(topology::Topology wanted) {
  const topology::Wiring wiring = topology::wire(wanted, devices_);
  engine::Transaction transaction{running_, wanted, wiring, devices_, {}, {{service, &*package_}}};
  const model::TableBinding& actions = schema_->service(service)->bindings.front();
  for (const auto& [name, cube] : wanted.cubes) {
    std::vector<engine::TableChange>& changes = transaction.tables[name];
    changes.push_back({&actions, {.removed = {}, .written = {{"p0", "forward", "p1"}, {"p1", "forward", "p0"}}}});
  }
  PCN_TRY(engine_->apply(transaction));
  running_ = std::move(wanted);
  return {};
}

Result<const bpf::Program*> ForwarderChain::cube(unsigned position) const {
  const engine::Cube* cube = engine_->cube(cube_name(position));
  if (cube == nullptr) return fail(ErrorCode::not_found, "there is no cube {}", cube_name(position));
  return &cube->program();
}

Result<bpf::Program> ForwarderChain::root(topology::Hook hook, const Device& device) const {
  __u32 id = 0;
  if (hook == topology::Hook::tc) {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof(attributes));
    attributes.query.target_fd = static_cast<__u32>(device.index);
    attributes.query.attach_type = 46;  // BPF_TCX_INGRESS, newer than the distribution's header
    attributes.query.prog_ids = reinterpret_cast<__u64>(&id);
    attributes.query.prog_cnt = 1;
    if (syscall(__NR_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes)) < 0)
      return fail_errno(errno, "cannot query the programs of " + device.name);
  } else {
    const __u32 mode = hook == topology::Hook::xdp_drv ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    if (int error = bpf_xdp_query_id(device.index, static_cast<int>(mode), &id); error < 0)
      return fail_errno(-error, "cannot query the program of " + device.name);
  }
  Fd program(bpf_prog_get_fd_by_id(id));
  if (!program) return fail_errno(errno, "cannot open the root program of " + device.name);
  return bpf::Program(std::move(program));
}

}  // namespace polycube::bench
