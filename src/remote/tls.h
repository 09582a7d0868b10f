// SPDX-License-Identifier: Apache-2.0
/// What each side needs to prove itself to the other over TCP: a certificate, its key, and the authority of the other's.
/// Threading: plain values.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace polycube::remote {

struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path ca;
};

/// In PEM.
struct TlsTexts {
  std::string certificate;
  std::string key;
  std::string ca;
};

/// Errors: invalid_value naming what is not given or cannot be read.
[[nodiscard]] Result<TlsTexts> read_tls(const TlsFiles& files);

}  // namespace polycube::remote
