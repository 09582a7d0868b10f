// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a record of a fast path's log: what comes out is one line of printable characters, of bounded length.
#include <polycube/abi.h>

#include <cstdint>
#include <cstdlib>

#include "engine/log_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = polycube::engine::parse_log_record(std::as_bytes(std::span(data, size)));
  if (!line) return 0;
  // Each conversion takes two characters at least and becomes 128 at most, each of them four when it is not printable.
  if (line->level > 5 || line->text.size() > PCN_LOG_FORMAT / 2 * 128 * 4) std::abort();
  for (const char c : line->text)
    if (c < 0x20 || c > 0x7e) std::abort();
  return 0;
}
