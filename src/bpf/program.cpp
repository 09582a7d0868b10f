// SPDX-License-Identifier: Apache-2.0
#include "bpf/program.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include <cerrno>
#include <iterator>

namespace polycube::bpf {

Result<Program::Info> Program::info() const {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd(), &info, &size) < 0) return fail_errno(errno, "cannot inspect a program");
  return Info{info.id, info.name, static_cast<std::uint32_t>(info.xlated_prog_len / sizeof(bpf_insn))};
}

Result<Program> Program::open(std::uint32_t id) {
  Fd fd(bpf_prog_get_fd_by_id(id));
  if (!fd && errno == ENOENT) return fail(ErrorCode::data_missing, "there is no program {}", id);
  if (!fd) return fail_errno(errno, fmt::format("cannot open program {}", id));
  return Program(std::move(fd));
}

Result<Program> Program::make_drop(bpf_prog_type type) {
  const bool xdp = type == BPF_PROG_TYPE_XDP;
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = xdp ? XDP_DROP : TC_ACT_SHOT},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  // As libbpf has it: only programs that are alike in that may be in one program array.
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = xdp ? BPF_XDP : bpf_attach_type{});
  Fd fd(bpf_prog_load(type, "pcn_drop", "Dual BSD/GPL", code, std::size(code), &options));
  if (!fd) return fail_errno(errno, "cannot load a program that drops packets");
  return Program(std::move(fd));
}

Result<Program::Run> Program::test_run(std::span<const std::byte> packet, const RunOptions& options) const {
  constexpr std::size_t room = 256;  // programs may make the packet longer
  const bool live = (options.flags & BPF_F_TEST_XDP_LIVE_FRAMES) != 0;
  Run run;
  run.packet.resize(live ? 0 : packet.size() + room);
  run.context.resize(options.context.size());
  LIBBPF_OPTS(bpf_test_run_opts, test);
  test.data_in = packet.data();
  test.data_size_in = static_cast<__u32>(packet.size());
  test.data_out = live ? nullptr : run.packet.data();
  test.data_size_out = static_cast<__u32>(run.packet.size());
  test.ctx_in = options.context.empty() ? nullptr : options.context.data();
  test.ctx_size_in = static_cast<__u32>(options.context.size());
  test.ctx_out = options.context.empty() || live ? nullptr : run.context.data();
  test.ctx_size_out = live ? 0 : static_cast<__u32>(run.context.size());
  test.repeat = static_cast<int>(options.repeat);
  test.flags = options.flags;
  test.batch_size = options.batch_size;
  if (bpf_prog_test_run_opts(fd(), &test) < 0) return fail_errno(errno, "cannot test-run a program");
  run.verdict = test.retval;
  run.packet.resize(test.data_size_out);
  run.duration = std::chrono::nanoseconds(test.duration);
  return run;
}

}  // namespace polycube::bpf
