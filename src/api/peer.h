// SPDX-License-Identifier: Apache-2.0
/// Who is at the other end of a Unix socket.
/// Why: a group that cannot be read is one that a rule may deny something to: who it is has to be known, or nobody is let in.
/// Threading: pure functions.
/// Source: unix(7), SO_PEERCRED and SO_PEERGROUPS; getgrgid_r(3).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "service/client.h"

namespace polycube::api {

/// The user, and the groups that the process acts with, which may be others than the user's. Errors: system.
[[nodiscard]] Result<service::Client> client_of(int socket);

/// Looks an entry up whose size nobody knows. `lookup` is getpwuid_r() or getgrgid_r(): it returns an error number, and the name
/// or null when there is none. Errors: system, also when the entry is larger than any should be.
using EntryLookup = std::function<int(std::span<char> buffer, const char*& name)>;
[[nodiscard]] Result<std::optional<std::string>> entry_name(const EntryLookup& lookup);

}  // namespace polycube::api
