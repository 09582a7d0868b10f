// SPDX-License-Identifier: Apache-2.0
/// Attachment of a program to a network device through a bpf_link.
/// Why: links coexist (tcx), are owned (they go away with their descriptor), and can be replaced.
/// Invariants: the program stays attached as long as the link lives and the device exists.
/// Threading: safe from every thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "bpf/program.h"

namespace polycube::bpf {

enum class AttachPoint { tcx_ingress, tcx_egress, xdp_generic, xdp_native };

class Link {
 public:
  Link() = default;

  /// Attaches to the device with this interface index. On tcx behind the programs that are there already.
  /// Errors: unsupported_feature (no native XDP: the message names XDP_SKB), in_use (another XDP program is attached),
  /// system.
  [[nodiscard]] static Result<Link> attach(const Program& program, int device, AttachPoint point,
                                           const std::string& device_name);

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Result<> replace(const Program& program) const;
  /// Whether the device is still the one it was attached to: false once that is gone, even when another has its index.
  [[nodiscard]] bool attached() const;
  /// Whether it is at this point of this device of the network namespace that the calling thread is in.
  [[nodiscard]] bool is_at(int device, AttachPoint point) const;
  /// Interface index of its device, 0 once that is gone.
  [[nodiscard]] int device() const;

 private:
  friend Result<Link> open_pinned_link(const std::filesystem::path& path);
  explicit Link(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// Ids of the programs on a tcx point of a device, in the order in which packets meet them, whoever attached them.
[[nodiscard]] Result<std::vector<std::uint32_t>> attached_programs(int device, AttachPoint point);

}  // namespace polycube::bpf
