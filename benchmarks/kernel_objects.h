// SPDX-License-Identifier: Apache-2.0
/// What a daemon has in the kernel: BPF objects that it holds or has pinned, and those that hang together with them.
/// Why: programs that only a program array or an attachment holds are in nobody's table of descriptors, and objects of other
/// processes are none of ours.
/// Threading: plain values.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/result.h"

namespace polycube::bench {

struct KernelObjects {
  std::size_t programs = 0;
  std::size_t maps = 0;
  std::size_t links = 0;
  std::size_t types = 0;  ///< BTF objects
  std::size_t pins = 0;

  bool operator==(const KernelObjects&) const = default;
};

/// "3 programs, 5 maps, ...".
[[nodiscard]] std::string to_string(const KernelObjects& objects);

/// Of the process and of the pins below a folder. The process must not be making or freeing any meanwhile.
[[nodiscard]] Result<KernelObjects> kernel_objects(pid_t process, const std::filesystem::path& pins);

}  // namespace polycube::bench
