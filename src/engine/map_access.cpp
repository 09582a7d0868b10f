// SPDX-License-Identifier: Apache-2.0
#include "engine/map_access.h"

namespace polycube::engine {

Result<> MapAccess::clear() const {
  bpf::Bytes keys;
  std::uint32_t count = 0;
  PCN_TRY(for_each([&](std::span<const std::byte> key, std::span<const std::byte>) {
    keys.insert(keys.end(), key.begin(), key.end());
    count++;
  }));
  return remove(keys, count);
}

}  // namespace polycube::engine
