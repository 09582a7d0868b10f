// SPDX-License-Identifier: Apache-2.0
/// Maps and links in the BPF file system, which outlive the process that made them.
/// Threading: safe from every thread.
#pragma once

#include <filesystem>
#include <optional>

#include "bpf/layout.h"
#include "bpf/link.h"
#include "bpf/map.h"

namespace polycube::bpf {

/// Whether the path is in a BPF file system. Errors: unsupported_feature with what to do.
[[nodiscard]] Result<> check_pin_folder(const std::filesystem::path& folder);

/// A program array that is pinned keeps its programs, a link its attachment. Errors: system.
[[nodiscard]] Result<> pin(int fd, const std::filesystem::path& path);

/// A map as the kernel knows it, with its types when it was made with them.
struct KnownMap {
  Map map;
  std::optional<Layout> key;
  std::optional<Layout> value;
};
/// Errors: data_missing; invalid_value for what is not a map; system.
[[nodiscard]] Result<KnownMap> open_pinned_map(const std::filesystem::path& path);
/// Errors: as above, for links.
[[nodiscard]] Result<Link> open_pinned_link(const std::filesystem::path& path);

}  // namespace polycube::bpf
